/* alarm(): ends a busy loop, tells what was left, is replaced and cancelled, does not nest with setitimer. */
#include "check.h"

static volatile int rang;
static void handler(int sig) {
  (void)sig;
  rang++;
}

int main(void) {
  on_signal(SIGALRM, handler);
  show("first", alarm(1000));
  show("replaced: left", alarm(2000));
  show("cancelled: left", alarm(0));
  show("nothing", alarm(0));
  struct itimerval t = { { 0, 0 }, { 0, 1 } }, old;
  must(setitimer(ITIMER_REAL, &t, NULL));
  while (!rang) continue;
  say("out of the loop, rang %d", rang);
  show("less than a second counts as one", (alarm(1000), t.it_value.tv_usec = 300000, setitimer(ITIMER_REAL, &t, &old), alarm(0)));
  say("setitimer saw alarm's: %d", old.it_value.tv_sec >= 998);
  pid_t child;
  CHILD(child) {
    on_signal(SIGALRM, SIG_DFL);
    t.it_value.tv_usec = 1000;
    must(setitimer(ITIMER_REAL, &t, NULL));
    for (volatile int i = 0;; i++) continue;
  }
  say("default: %s", reap(child));
  return 0;
}
