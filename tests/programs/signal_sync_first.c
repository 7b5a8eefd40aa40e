/* A synchronous signal is delivered before others with lower numbers. */
#include "check.h"

static void handler(int sig) { say("delivered %d", sig); }

int main(void) {
  sigset_t set;
  sigfillset(&set);
  static const int signals[] = { SIGHUP, SIGUSR1, SIGSEGV, SIGTERM, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
  for (int i = 0; i < 8; i++) {
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sa.sa_mask = set;
    must(sigaction(signals[i], &sa, NULL));
  }
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  for (int i = 0; i < 8; i++) tgkill_(getpid(), getpid(), signals[i]);
  /* The mask of each handler keeps the rest out until it returns, but all frames are made at once: watch one by one. */
  while (1) {
    sigset_t now;
    int more = 0;
    sigpending(&now);
    for (int i = 0; i < 8; i++) more |= sigismember(&now, signals[i]) == 1;
    if (!more) break;
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
  }
  return 0;
}
