/* SYSENTER in a 64-bit program makes a call of i386, and has nowhere to return to. */
// differs: a CPU of AMD has no SYSENTER there, and later kernels return to their code of 32 bits
#include "ptrace.h"

static char *stack;
static unsigned long frame;
static int nr;
static long first;
/* The second argument is SIGUSR1's number for kill(2), whose signal is on its way when the call returns. */
static void enters(void) {
  __asm__ volatile("mov %0, %%rbp; sysenter" : : "r"(frame), "a"(nr), "b"(first ? first : getpid()), "c"((long)SIGUSR1), "d"(5l) : "memory");
}
static void show_call(const char *what, int number, long arg, unsigned long rbp) {
  nr = number, first = arg, frame = rbp;
  pid_t pid = start_tracee(enters);
  int status = resume(pid, PTRACE_CONT, 0);
  struct user_regs_struct r = regs_of(pid);
  say("%s: %s, result %lld, rip %#llx, cs %llx ss %llx", what, wait_str(status), (long long)r.rax == pid ? 1 : (long long)r.rax, r.rip, r.cs, r.ss);
  say("  rsp %s, rbp %#llx, rcx %s, rdx %#llx, orig_rax %lld", r.rsp == (rbp & 0xffffffff) ? "the lower half of rbp" : "other", r.rbp,
      r.rcx == r.rsp ? "rsp" : r.rcx == SIGUSR1 ? "kept" : "other", r.rdx, (long long)r.orig_rax);
  end_tracee(pid);
}

int main(void) {
  stack = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  *(unsigned *)(stack + 4096) = 0x12345678;
  show_call("getpid", 20, 7, (unsigned long)stack + 4096);
  show_call("with an upper half", 20, 7, 0x7700000000ul | ((unsigned long)stack + 4096));
  show_call("no stack", 20, 7, 8);
  show_call("the first that is none", 349, 7, (unsigned long)stack + 4096);
  show_call("no such call", 9999, 7, (unsigned long)stack + 4096);
  show_call("a hole", 17, 7, (unsigned long)stack + 4096);
  show_call("kill", 37, 0, (unsigned long)stack + 4096);
  show_call("sigaltstack", 186, 8, (unsigned long)stack + 4096);
  return 0;
}
