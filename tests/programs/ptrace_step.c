/* Single steps over all kinds of instructions: where each ends, with what code, and what flags it leaves. */
// differs: later kernels hide the trap flag of the tracer from the frame of a handler behind it as well
// a real 3.2.4 under qemu: INT1 is illegal there, and its clock of instructions steps once more in "rep movsb"
#include "ptrace.h"

static volatile int handled;
static void handler(int s) {
  (void)s;
  handled++;
}
extern char code_begin[], code_end[];
char from[8] = "abcdefg", to[8];
static void code(void) {
  signal(SIGTRAP, handler);
  signal(SIGUSR1, handler);
  __asm__ volatile("mov $62, %%eax; syscall;" /* kill(self, SIGSTOP) */
                   ".globl code_begin; code_begin:"
                   "nop;"
                   "jmp 1f; nop; 1:"
                   "call 2f; jmp 3f; 2: ret; 3:"
                   "lea from(%%rip), %%rsi; lea to(%%rip), %%rdi; mov $3, %%ecx; cld; rep movsb;"
                   "xor %%ecx, %%ecx; repe cmpsb;"
                   "pushf; pop %%rbx;"
                   "push %%rbx; popf;"
                   "nop;"
                   "mov $39, %%eax; syscall;"
                   "mov $10000, %%eax; syscall;"
                   "mov $24, %%eax; syscall;"
                   "int3;"
                   ".byte 0xf1;" /* INT1 */
                   "mov %%ss, %%eax;"
                   "cpuid;"
                   "nop; nop;"
                   ".globl code_end; code_end: nop"
                   :
                   : "D"(getpid()), "S"((long)SIGSTOP)
                   : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
  _exit(6);
}
/* A program that steps itself, and is stepped. */
static void own(void) {
  signal(SIGTRAP, handler);
  __asm__ volatile("mov $62, %%eax; syscall;"
                   "pushf; orq $0x100, (%%rsp); popf; nop; pushf; andq $~0x100, (%%rsp); popf; nop" ::"D"(getpid()), "S"((long)SIGSTOP)
                   : "rax", "rcx", "r11", "memory", "cc");
  say("own steps: %d", handled);
  _exit(6);
}
static void faults(void) {
  signal(SIGSEGV, SIG_DFL);
  __asm__ volatile("mov $62, %%eax; syscall;"
                   "xor %%ebx, %%ebx; mov (%%rbx), %%eax" ::"D"(getpid()), "S"((long)SIGSTOP)
                   : "rax", "rbx", "rcx", "r11", "memory", "cc");
}
static void show_step(pid_t pid, const char *what, int s) {
  if (!WIFSTOPPED(s)) {
    say("%s: %s", what, wait_str(s));
    return;
  }
  siginfo_t info = info_of(pid);
  struct user_regs_struct r = regs_of(pid);
  long in = (long)r.rip - (long)code_begin;
  char where[40] = "elsewhere";
  if (in >= 0 && in <= code_end - code_begin) snprintf(where, sizeof where, "%ld", in);
  if ((long)r.rip == (long)handler) snprintf(where, sizeof where, "the handler");
  say("%s: %s, code %d, at rip %d, %s, flags %#llx, orig_rax %lld", what, wait_str(s), info.si_code, info.si_addr == (void *)r.rip, where,
      r.eflags & 0x10500, (long long)r.orig_rax);
}

int main(void) {
  pid_t pid = start_tracee(code);
  resume(pid, PTRACE_CONT, 0);
  for (int i = 0; i < 60; i++) {
    int s = resume(pid, PTRACE_SINGLESTEP, 0);
    show_step(pid, "step", s);
    if (regs_of(pid).rip == (unsigned long)code_end) break;
  }
  show_step(pid, "with a signal", resume(pid, PTRACE_SINGLESTEP, SIGUSR1));
  long frame_flags = ptrace(PTRACE_PEEKDATA, pid, peek_user(pid, REG(rsp)) + 8 + 40 + 8 * 17, 0);
  say("trap flag in its frame: %d", !!(frame_flags & 0x100));
  int s = resume(pid, PTRACE_CONT, 0);
  say("continued: %s", wait_str(s));
  end_tracee(pid);

  pid = start_tracee(own);
  resume(pid, PTRACE_CONT, 0);
  for (int i = 0; i < 6; i++) show_step(pid, "own", resume(pid, PTRACE_SINGLESTEP, 0));
  s = resume(pid, PTRACE_CONT, 0);
  show_step(pid, "then", s);
  end_tracee(pid);

  pid = start_tracee(faults);
  resume(pid, PTRACE_CONT, 0);
  for (int i = 0; i < 3; i++) show_step(pid, "a fault", resume(pid, PTRACE_SINGLESTEP, 0));
  say("%s", wait_str(resume(pid, PTRACE_SINGLESTEP, SIGSEGV)));

  pid = start_tracee(code);
  resume(pid, PTRACE_CONT, 0);
  resume(pid, PTRACE_SINGLESTEP, 0);
  must(ptrace(PTRACE_DETACH, pid, 0, 0));
  say("detached: %s", reap(pid));
  return 0;
}
