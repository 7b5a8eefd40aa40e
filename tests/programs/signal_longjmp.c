/* Leaving a handler with siglongjmp(), also from the alternate stack and out of nested handlers. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf top;
static volatile int n;
static void handler(int sig) {
  n++;
  if (n == 3) {
    raise(SIGUSR2);
    say("not reached");
  }
  siglongjmp(top, sig);
}

int main(void) {
  static char stack[65536];
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  must(sigaltstack(&ss, NULL));
  on_signal_flags(SIGUSR1, handler, SA_ONSTACK);
  on_signal_flags(SIGUSR2, handler, SA_ONSTACK);
  int sig = sigsetjmp(top, 1);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("came by %d, blocked %d %d", sig, sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
  if (n < 4) raise(SIGUSR1);
  must(sigaltstack(NULL, &ss));
  say("on the alternate stack: %d", ss.ss_flags);
  return 0;
}
