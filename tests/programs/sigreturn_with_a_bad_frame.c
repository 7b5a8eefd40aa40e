/* rt_sigreturn() without a frame, or with one that was spoilt, is SIGSEGV; also in a handler of that very signal. */
#include "check.h"
#include <ucontext.h>

static void spoils(int sig, siginfo_t *info, void *context) {
  (void)sig;
  (void)info;
  ucontext_t *u = context;
  u->uc_mcontext.gregs[REG_RIP] = (long long)0x8000000000000000ull;
}
static void jumps(int sig, siginfo_t *info, void *context) {
  (void)sig;
  (void)info;
  ucontext_t *u = context;
  u->uc_mcontext.gregs[REG_RIP] = 8;
}
static void again(int sig) {
  say("  handler %d", sig);
  _exit(3);
}

int main(void) {
  pid_t child;
  CHILD(child) {
    __asm__ volatile("mov $8, %%rsp; mov $15, %%eax; syscall" ::: "memory");
    _exit(1);
  }
  say("no stack: %s", reap(child));
  CHILD(child) {
    on_siginfo(SIGUSR1, jumps, 0);
    raise(SIGUSR1);
    _exit(1);
  }
  say("to an address without memory: %s", reap(child));
  CHILD(child) {
    on_siginfo(SIGUSR1, jumps, 0);
    on_signal(SIGSEGV, again);
    raise(SIGUSR1);
    _exit(1);
  }
  say("and a handler: %s", reap(child));
  CHILD(child) {
    on_siginfo(SIGUSR1, spoils, 0);
    raise(SIGUSR1);
    _exit(1);
  }
  say("to an address that cannot be: %s", reap(child));
  return 0;
}
