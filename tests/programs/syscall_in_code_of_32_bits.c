/* SYSCALL in code of 32 bits, in the GDT's segment and in one of its own, is an illegal instruction of CPUs by Intel. */
// differs: CPUs of AMD have it there, and later kernels let a tracer set cs of a 64-bit program
// a real 3.2.4: its CPU, qemu's, has it there
#include "trace.h"
#include <asm/ldt.h>
#include <ucontext.h>

static char *low;

static void on_ill(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *g = uc->uc_mcontext.gregs;
  say("  signal %d code %d, address %s, at %lld, cs %llx, trap %lld, rax %lld", sig, info->si_code, info->si_addr == (void *)g[REG_RIP] ? "ip" : "?", g[REG_RIP] - (long)low, g[REG_CSGSFS] & 0xffff, g[REG_TRAPNO], g[REG_RAX]);
  g[REG_RIP] += 2;
}

static long go(unsigned short cs) {
  struct { unsigned offset; unsigned short cs; } __attribute__((packed)) *to = (void *)(low + 4096);
  to->offset = (unsigned)(unsigned long)low, to->cs = cs;
  register char *sp __asm__("r8") = low + 32768;
  long result;
  __asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, %%r12; mov %%r8, %%rsp; lcall *(%%rdx); mov %%r12, %%rsp; pop %%rbp; pop %%rbx"
                   : "=a"(result) : "d"(to), "r"(sp) : "rcx", "r9", "r10", "r11", "r12", "memory", "cc");
  return result;
}

int main(void) {
  low = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  /* nop; mov $20, %eax; syscall; lret: 20 is writev in code of 64 bits */
  memcpy(low, "\x90\xb8\x14\0\0\0\x0f\x05\xcb", 9);
  struct user_desc d = {.limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .contents = 2, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  on_siginfo(SIGILL, on_ill, SA_ONSTACK);
  stack_t alternate = {.ss_sp = low + 40000, .ss_size = 20000};
  must(sigaltstack(&alternate, NULL));
  say("returned: %ld", go(0x23));
  say("returned: %ld", go(7));
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    must(raise(SIGSTOP));
    go(0x23);
    _exit(0);
  }
  next_stop("traced", pid);
  must(trace(PTRACE_SYSCALL, pid, 0, 0));
  while (wait_trace(pid) != (SIGILL << 8 | 0x7f)) must(trace(PTRACE_SYSCALL, pid, 0, 0)); /* raise()'s own calls */
  long word;
  must(trace(PTRACE_PEEKUSER, pid, 136, (unsigned long)&word));
  say("cs %lx", word);
  must(trace(PTRACE_PEEKUSER, pid, 120, (unsigned long)&word));
  say("orig_rax %ld", word);
  show("set cs", trace(PTRACE_POKEUSER, pid, 136, 0x33));
  must(trace(PTRACE_PEEKUSER, pid, 136, (unsigned long)&word));
  say("cs %lx: of a 64-bit program it stays", word);
  must(kill(pid, SIGKILL));
  next_stop("end", pid);
  return 0;
}
