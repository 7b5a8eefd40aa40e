/* ppoll() and pselect() let a blocked signal in for the time of the call only. */
#include "check.h"
#include <poll.h>

static void handler(int sig) { say("  handler %d", sig); }

int main(void) {
  on_signal(SIGUSR1, handler);
  block(SIGUSR1);
  raise(SIGUSR1);
  sigset_t none, now;
  sigemptyset(&none);
  struct timespec day = { 86400, 0 };
  show("ppoll", ppoll(NULL, 0, &day, &none));
  raise(SIGUSR1);
  show("pselect", pselect(0, NULL, NULL, NULL, &day, &none));
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("blocked again: %d", sigismember(&now, SIGUSR1));
  raise(SIGUSR1);
  struct timespec zero = { 0, 0 };
  show("no time: still comes in", ppoll(NULL, 0, &zero, &none));
  return 0;
}
