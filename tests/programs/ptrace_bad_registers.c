/* Registers that no program can have: where a tracer puts them, and the program goes on. */
#include "ptrace.h"

static void spin(void) {
  for (;;) __asm__ volatile("pause");
}
static void calls(void) {
  for (;;) syscall(SYS_getppid);
}
static void show_stop(pid_t pid, const char *what, int s) {
  if (WIFSTOPPED(s)) {
    siginfo_t info = info_of(pid);
    say("%s: %s, code %d, address %#lx, rip %#lx", what, wait_str(s), info.si_code, WSTOPSIG(s) == SIGSEGV ? (long)info.si_addr : 0, peek_user(pid, REG(rip)) >> 47);
    end_tracee(pid);
  } else {
    say("%s: %s", what, wait_str(s));
  }
}
static void with(const char *what, void (*f)(void), size_t offset, unsigned long value, int request) {
  pid_t pid = start_tracee(f);
  if (f == calls) {
    resume(pid, PTRACE_SYSCALL, 0);
    resume(pid, PTRACE_SYSCALL, 0);
    resume(pid, PTRACE_SYSCALL, 0);
  }
  must(poke_user(pid, offset, value));
  show_stop(pid, what, resume(pid, request, 0));
}

int main(void) {
  with("rip non-canonical", spin, REG(rip), 1UL << 63, PTRACE_CONT);
  with("rip non-canonical, stepped", spin, REG(rip), 1UL << 47, PTRACE_SINGLESTEP);
  with("rip of the kernel", spin, REG(rip), 0xffffffff81000000, PTRACE_CONT);
  with("rip 0", spin, REG(rip), 0, PTRACE_CONT);
  with("rip 0, stepped", spin, REG(rip), 0, PTRACE_SINGLESTEP);
  with("rip 0 at a call", calls, REG(rip), 0, PTRACE_CONT);
  with("rip non-canonical at a call", calls, REG(rip), 1UL << 63, PTRACE_CONT);
  with("rsp non-canonical", spin, REG(rsp), 1UL << 63, PTRACE_SINGLESTEP);
  with("flags", spin, REG(eflags), ~0UL, PTRACE_SINGLESTEP);
  with("no flags", spin, REG(eflags), 0, PTRACE_SINGLESTEP);
  with("a selector that is none", spin, REG(ds), 0xfff3, PTRACE_SINGLESTEP);
  with("orig_rax", calls, REG(orig_rax), 1UL << 63, PTRACE_SYSCALL);
  with("a call of many bits", calls, REG(orig_rax), 0xffffffff00000000 | SYS_getpid, PTRACE_SYSCALL);
  with("a restart that is none", spin, REG(rax), -512UL, PTRACE_SINGLESTEP);
  return 0;
}
