/* A fault handler may repair the cause and return: the instruction runs again; it may also move the program on. */
#include "check.h"
#include <ucontext.h>

static char *page;
static int faults;
static void repair(int sig, siginfo_t *i, void *context) {
  (void)sig;
  (void)context;
  faults++;
  say("fault in page: %d", (char *)i->si_addr >= page && (char *)i->si_addr < page + 4096);
  must(mprotect(page, 4096, PROT_READ | PROT_WRITE));
}
static void skip(int sig, siginfo_t *i, void *context) {
  (void)i;
  ucontext_t *c = context;
  say("signal %d, rax %llx", sig, (unsigned long long)c->uc_mcontext.gregs[REG_RAX]);
  c->uc_mcontext.gregs[REG_RIP] += 2;
  c->uc_mcontext.gregs[REG_RAX] = 0x77;
  sigaddset(&c->uc_sigmask, SIGUSR1);
}

int main(void) {
  page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  on_siginfo(SIGSEGV, repair, 0);
  page[100] = 42;
  say("written: %d, faults %d", page[100], faults);
  on_siginfo(SIGILL, skip, 0);
  unsigned long rax = 0x55;
  __asm__ volatile("ud2" : "+a"(rax));
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("rax %lx, mask changed: %d", rax, sigismember(&mask, SIGUSR1));
  return 0;
}
