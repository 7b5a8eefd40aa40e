/* Many signals that become deliverable at once: handlers nest so that the lowest number ends last, real-time ones too. */
#include "check.h"

static int depth;
static void handler(int sig) {
  say("%*s> %d", depth, "", sig);
  depth++;
  depth--;
  say("%*s< %d", depth, "", sig);
}

int main(void) {
  sigset_t all, old;
  sigfillset(&all);
  static const int sigs[] = { SIGTERM, SIGUSR2, RT(3), SIGHUP, RT(1), SIGUSR1, RT(1), SIGHUP, SIGALRM };
  must(sigprocmask(SIG_SETMASK, &all, &old));
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
    on_signal(sigs[i], handler);
    kill(getpid(), sigs[i]);
  }
  say("unblock");
  must(sigprocmask(SIG_SETMASK, &old, NULL));
  say("with everything blocked in each handler");
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = handler;
  sigfillset(&sa.sa_mask);
  must(sigprocmask(SIG_SETMASK, &all, &old));
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
    must(sigaction(sigs[i], &sa, NULL));
    kill(getpid(), sigs[i]);
  }
  must(sigprocmask(SIG_SETMASK, &old, NULL));
  say("one by one");
  static const int order[] = { SIGTERM, SIGHUP, RT(2), SIGUSR1 };
  for (int i = 0; i < 4; i++) {
    on_signal(order[i], handler);
    kill(getpid(), order[i]);
  }
  return 0;
}
