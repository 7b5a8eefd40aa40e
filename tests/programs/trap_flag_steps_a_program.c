/* A program that sets the trap flag gets SIGTRAP behind each instruction. Behind a system call it comes at once, before the
 * next instruction, where SYSRET brings the flag back: a call that waits or does not exist, both sides of a fork. IRET lets
 * that instruction pass: after a handler, sigreturn() and exec, which ends it. The handler itself is not stepped.
 */
// differs: later kernels go back by IRET wherever the trap flag is set
// a real 3.2.4: one more trap in "a string", where qemu's clock counts instructions
#include "check.h"
#include <ucontext.h>

#define STEP "pushf; orq $0x100, (%%rsp); popf;"
#define STOP "pushf; andq $~0x100, (%%rsp); popf;"

static struct { long ip; int code; } traps[64];
static volatile int count;
static void trap(int sig, siginfo_t *info, void *context) {
  (void)sig;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (count < 64) {
    traps[count].ip = (long)r[REG_RIP];
    traps[count].code = (long)info->si_addr == (long)r[REG_RIP] ? info->si_code : -info->si_code;
  }
  if (++count == 64) r[REG_EFL] &= ~0x100;
}
static void sets_flag(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100;
}
static void show_traps(const char *what) {
  char text[512], *p = text;
  for (int i = 0; i < count && i < 64; i++) p += sprintf(p, " %ld", traps[i].ip - traps[0].ip);
  say("%s: %d traps, code %d, at%s", what, count, traps[0].code, text);
  count = 0;
}
#define CALL(number, a, b) \
  ({ long r_; \
     __asm__ volatile(STEP "syscall; nop; nop;" STOP : "=a"(r_) : "a"((long)(number)), "D"((long)(a)), "S"((long)(b)) : "rcx", "r11", "memory", "cc"); \
     r_; })

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    say("executed");
    return 0;
  }
  char bytes[8];
  on_siginfo(SIGTRAP, trap, 0);
  on_siginfo(SIGUSR1, sets_flag, 0);
  __asm__ volatile(STEP "nop; lea 1(%%rcx), %%ecx;" STOP ::: "rcx", "memory", "cc");
  show_traps("plain");
  __asm__ volatile(STEP "mov $3, %%ecx; 1: loop 1b;" STOP ::: "rcx", "memory", "cc");
  show_traps("a loop");
  long to = (long)bytes, times = 4;
  __asm__ volatile(STEP "rep stosb;" STOP : "+D"(to), "+c"(times) : "a"(0) : "memory", "cc");
  show_traps("a string");
  CALL(SYS_getpid, 0, 0);
  show_traps("a call");
  CALL(10000, 0, 0);
  show_traps("no call");
  CALL(SYS_kill, getpid(), SIGUSR1);
  show_traps("a call with a signal");
  __asm__ volatile("syscall; nop; nop;" STOP : "=a"(times) : "a"((long)SYS_kill), "D"((long)getpid()), "S"((long)SIGUSR1) : "rcx", "r11", "memory", "cc");
  show_traps("set by a handler");
  struct timespec t = { 0, 1000000 };
  CALL(SYS_nanosleep, &t, 0);
  show_traps("a call that waits");
  pid_t child = (pid_t)CALL(SYS_fork, 0, 0);
  if (child == 0) {
    show_traps("the child");
    _exit(0);
  }
  say("%s", reap(child));
  show_traps("the parent");
  CHILD(child) {
    char *const arguments[] = { "x", "y", NULL };
    long result = SYS_execve;
    __asm__ volatile(STEP "syscall" : "+a"(result) : "D"("/proc/self/exe"), "S"(arguments), "d"(0L) : "rcx", "r11", "memory", "cc");
    _exit(1);
  }
  say("%s", reap(child));
  CHILD(child) {
    signal(SIGTRAP, SIG_IGN);
    __asm__ volatile(STEP "nop; nop;" STOP ::: "memory", "cc");
    _exit(0);
  }
  say("ignored: %s", reap(child));
  return 0;
}
