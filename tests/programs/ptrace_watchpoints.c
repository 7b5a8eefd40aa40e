/* Watchpoints trap behind the instruction that touches the memory, instruction breakpoints before it; the kernel's own
 * accesses do not count. */
#include "ptrace.h"

static struct { char before[16]; char m[16]; char behind[16]; } w __attribute__((aligned(64)));
static int fds[2];
__attribute__((noinline)) static void stop_here(int n) { __asm__ volatile("nop" ::"r"(n)); }
static void handler(int s) { (void)s; }
#define DO(text, ...) __asm__ volatile(text ::__VA_ARGS__ : "memory", "rax", "rcx", "rdi", "rsi", "xmm0")

static void touches(void) {
  char *m = w.m;
  DO("movb $1, (%0)", "r"(m));
  DO("movb $1, 8(%0)", "r"(m));      /* behind it */
  DO("movb (%0), %%al", "r"(m));     /* a read */
  DO("movq $2, -4(%0)", "r"(m));     /* its half */
  DO("movq $2, -8(%0)", "r"(m));     /* up to it */
  DO("incl (%0)", "r"(m));
  DO("lock incl (%0)", "r"(m));
  DO("mov %0, %%rax; xchg %%rsp, %%rax; push $7; xchg %%rsp, %%rax", "r"(m + 8));
  DO("mov %0, %%rdi; mov $20, %%ecx; xor %%eax, %%eax; rep stosb", "r"(m - 8));
  DO("pxor %%xmm0, %%xmm0; movups %%xmm0, -12(%0)", "r"(m));
  DO("xor %%eax, %%eax; mov $5, %%ecx; lock cmpxchg %%ecx, (%0)", "r"(m));
  if (write(fds[1], m, 8) != 8) _exit(1); /* the kernel reads it */
  if (read(fds[0], m, 8) != 8) _exit(1);  /* and writes it */
  DO("movb $9, 3(%0); nop; nop", "r"(m));
}
static pid_t pid;
#define ENABLE(n, type, len) (1UL << (n)*2 | (unsigned long)((len) << 2 | (type)) << (16 + (n)*4))

static void run(const char *what, void (*f)(void), unsigned long dr0, unsigned long dr1, unsigned long dr7) {
  pid = start_tracee(f);
  must(poke_user(pid, DR(0), dr0));
  if (dr1) must(poke_user(pid, DR(1), dr1));
  must(poke_user(pid, DR(7), dr7));
  say("%s", what);
  int s;
  while (s = resume(pid, PTRACE_CONT, 0), WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP) {
    siginfo_t info = info_of(pid);
    struct user_regs_struct r = regs_of(pid);
    say("  code %d, at rip %d, dr6 %#lx, resume flag %d, m %016lx", info.si_code, info.si_addr == (void *)r.rip, peek_user(pid, DR(6)) & 0xf,
        !(dr7 & 0x30000) && r.eflags & 0x10000 ? 1 : 0, ptrace(PTRACE_PEEKDATA, pid, w.m, 0));
  }
  say("  %s", wait_str(s));
  if (WIFSTOPPED(s)) end_tracee(pid);
}
static void calls(void) {
  for (int i = 0; i < 3; i++) {
    w.m[0]++;
    stop_here(i);
  }
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
}
static void ends(void) {
  __asm__ volatile("movb $1, w+16(%%rip); mov $60, %%eax; xor %%edi, %%edi; syscall" ::: "rax", "rdi", "memory");
}
static char *fresh;
__attribute__((noinline)) static void store(char *p) { __asm__ volatile(".globl faults_here; faults_here: movb $1, (%0)" ::"r"(p) : "memory"); }
extern char faults_here[];
static void faults(void) {
  fresh = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  store(fresh);        /* an instruction that is stopped at, and faults */
  store(fresh + 4096);
  _exit(0);
}
static void untraced(void) {
  raise(SIGUSR2);
  w.m[0] = 1;
  _exit(0);
}

int main(void) {
  must(pipe(fds));
  unsigned long m = (unsigned long)w.m;
  run("four bytes, written", touches, m, 0, ENABLE(0, 1, 3));
  run("eight bytes, read or written", touches, m, 0, ENABLE(0, 3, 2));
  run("one byte in the middle, and another", touches, m + 3, m + 11, ENABLE(0, 1, 0) | ENABLE(1, 1, 0));
  run("instructions", calls, (unsigned long)stop_here, (unsigned long)handler, ENABLE(0, 0, 0) | ENABLE(1, 0, 0));
  run("both", calls, (unsigned long)stop_here, m, ENABLE(0, 0, 0) | ENABLE(1, 1, 0));
  run("the last instruction", ends, m, 0, ENABLE(0, 1, 0));

  run("an instruction that faults", faults, (unsigned long)faults_here, 0, ENABLE(0, 0, 0));

  pid = start_tracee(untraced);
  must(poke_user(pid, DR(0), m));
  must(poke_user(pid, DR(7), ENABLE(0, 1, 0)));
  wait_str(resume(pid, PTRACE_CONT, 0));
  must(ptrace(PTRACE_DETACH, pid, 0, 0));
  say("detached: %s", reap(pid));

  pid_t two[2];
  for (int i = 0; i < 2; i++) {
    two[i] = start_tracee(calls);
    must(ptrace(PTRACE_POKEDATA, two[i], w.m, 100L * i));
    must(poke_user(two[i], DR(0), m));
    must(poke_user(two[i], DR(7), ENABLE(0, 1, 0)));
  }
  for (int i = 0; i < 6; i++) {
    pid = two[i % 2];
    int stopped = resume(pid, PTRACE_CONT, 0);
    say("in turn: %s, %ld", wait_str(stopped), ptrace(PTRACE_PEEKDATA, pid, w.m, 0));
  }
  end_tracee(two[0]);
  end_tracee(two[1]);

  pid = start_tracee(calls);
  must(poke_user(pid, DR(0), (unsigned long)stop_here));
  must(poke_user(pid, DR(7), ENABLE(0, 0, 0)));
  resume(pid, PTRACE_CONT, 0);
  long ip = peek_user(pid, REG(rip));
  int s = resume(pid, PTRACE_SINGLESTEP, 0);
  say("stepped on: %s, code %d, dr6 %#lx, moved %d", wait_str(s), info_of(pid).si_code, peek_user(pid, DR(6)) & 0x400f, ip != peek_user(pid, REG(rip)));
  must(poke_user(pid, DR(7), 0));
  say("disabled: %s", wait_str(resume(pid, PTRACE_CONT, SIGKILL)));
  return 0;
}
