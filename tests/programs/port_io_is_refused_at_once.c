/* IN and OUT are faults in a program without ports, and nothing behind them happens: no register, flag or store changes. */
#include "check.h"
#include <ucontext.h>

static volatile long stored[2];
static greg_t rax, rbx, flags, rip;
extern char port_out[], port_in[];

static void on_fault(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  (void)info;
  rax = uc->uc_mcontext.gregs[REG_RAX];
  rbx = uc->uc_mcontext.gregs[REG_RBX];
  flags = uc->uc_mcontext.gregs[REG_EFL] & 0x8d5;
  rip = uc->uc_mcontext.gregs[REG_RIP];
  uc->uc_mcontext.gregs[REG_RIP] += 1;
  uc->uc_mcontext.gregs[REG_RBX] = 1000;
}

int main(void) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = on_fault;
  sa.sa_flags = SA_SIGINFO;
  must(sigaction(SIGSEGV, &sa, NULL));
  long after;
  __asm__ volatile("mov $5, %%rbx; mov $7, %%rax; cmp $7, %%rax\n"
                   ".globl port_out\nport_out: outb %%al, %%dx\n"
                   "mov %%rbx, %1; inc %%rbx; add $100, %%rax; mov %%rbx, 8+%1\n"
                   : "=b"(after)
                   : "m"(stored)
                   : "rax", "rdx", "memory", "cc");
  say("out: rax %lld rbx %lld flags %llx at the instruction %d", rax, rbx, (unsigned long long)flags, rip == (greg_t)port_out);
  say("then: %ld; %ld %ld", after, stored[0], stored[1]);
  __asm__ volatile("mov $6, %%rbx; mov $9, %%rax; add $-9, %%rax\n"
                   ".globl port_in\nport_in: inb %%dx, %%al\n"
                   "push %%rbx; inc %%rbx; pop %%rax; mov %%rbx, %1\n"
                   : "=b"(after)
                   : "m"(stored)
                   : "rax", "rdx", "memory", "cc");
  say("in: rax %lld rbx %lld flags %llx at the instruction %d", rax, rbx, (unsigned long long)flags, rip == (greg_t)port_in);
  say("then: %ld; %ld %ld", after, stored[0], stored[1]);
  return 0;
}
