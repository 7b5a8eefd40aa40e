/* Handlers run with the signal blocked, may interrupt one another, and return to where the program was. */
#include "check.h"

static volatile int depth, calls;
static void inner(int sig) { say("  SIGUSR2 handler %d at depth %d", sig, depth); }
static void outer(int sig) {
  sigset_t mask;
  depth++;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("SIGUSR1 handler %d: USR1 blocked %d, USR2 blocked %d", sig, sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
  if (++calls == 1) raise(SIGUSR1);
  raise(SIGUSR2);
  depth--;
}

int main(void) {
  on_signal(SIGUSR1, outer);
  on_signal(SIGUSR2, inner);
  raise(SIGUSR1);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("back, blocked: %d %d", sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
  on_signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  say("ignored");
  struct sigaction sa;
  must(sigaction(SIGUSR2, NULL, &sa));
  say("reading keeps it: %d", sa.sa_handler == inner);
  return 0;
}
