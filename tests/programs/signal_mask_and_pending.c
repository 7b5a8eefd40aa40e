/* Blocked signals wait: one instance per standard signal. Unblocking delivers them before sigprocmask() returns. */
#include "check.h"

static volatile int count;
static void handler(int sig) {
  say("delivered %d", sig);
  count++;
}

int main(void) {
  on_signal(SIGUSR1, handler);
  on_signal(SIGHUP, handler);
  on_signal(SIGTERM, handler);
  sigset_t set = set_of(SIGUSR1, SIGHUP, SIGTERM, 0), old;
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  for (int i = 0; i < 10; i++) kill(getpid(), SIGUSR1);
  raise(SIGTERM);
  raise(SIGHUP);
  say("pending %d %d %d, INT %d", is_pending(SIGUSR1), is_pending(SIGHUP), is_pending(SIGTERM), is_pending(SIGINT));
  sigset_t usr1 = set_of(SIGUSR1, 0);
  must(sigprocmask(SIG_UNBLOCK, &usr1, &old));
  say("after unblock: %d, old mask had it: %d", count, sigismember(&old, SIGUSR1));
  say("pending %d %d %d", is_pending(SIGUSR1), is_pending(SIGHUP), is_pending(SIGTERM));
  on_signal(SIGHUP, SIG_IGN);
  say("ignoring throws a pending one away: %d", is_pending(SIGHUP));
  on_signal(SIGHUP, handler);
  sigset_t none;
  sigemptyset(&none);
  must(sigprocmask(SIG_SETMASK, &none, NULL));
  say("total %d", count);
  block(SIGCHLD);
  raise(SIGCHLD);
  say("default-ignored but blocked stays pending: %d", is_pending(SIGCHLD));
  on_signal(SIGCHLD, SIG_DFL);
  say("setting SIG_DFL throws it away: %d", is_pending(SIGCHLD));
  return 0;
}
