/* A handler that sleeps in a call of its own, and is interrupted there: both calls go on where they were. */
#include "check.h"

static struct gate outer, inner;
static void second(int sig) {
  (void)sig;
  say("    second handler");
}
static void first(int sig) {
  char c;
  (void)sig;
  say("  first handler reads");
  show("  first handler read", read(inner.fd[0], &c, 1));
}

int main(void) {
  outer = new_gate();
  inner = new_gate();
  on_signal_flags(SIGUSR1, first, SA_RESTART);
  on_signal_flags(SIGUSR2, second, SA_RESTART);
  pid_t me = getpid(), child;
  CHILD(child) {
    wait_asleep(me);
    kill(me, SIGUSR1);
    sleep_ms(20);
    wait_asleep(me);
    kill(me, SIGUSR2);
    sleep_ms(20);
    wait_asleep(me);
    open_gate(&inner);
    sleep_ms(20);
    wait_asleep(me);
    open_gate(&outer);
    _exit(0);
  }
  char c;
  show("outer read", read(outer.fd[0], &c, 1));
  say("%s", reap(child));
  return 0;
}
