/* A disarmed CPU timer keeps its interval, the real one does not; alarm() takes all seconds that an unsigned int can say. */
#include "check.h"
#include <sys/time.h>

static void set(int which, long interval_s, long value_s) {
  struct itimerval new = { { interval_s, 0 }, { value_s, 0 } }, now;
  show("set", setitimer(which, &new, NULL));
  getitimer(which, &now);
  say("timer %d: interval %ld, %s", which, (long)now.it_interval.tv_sec, now.it_value.tv_sec || now.it_value.tv_usec ? "armed" : "disarmed");
}

int main(void) {
  for (int which = 0; which < 3; which++) {
    set(which, 7, 0);
    set(which, 8, 100);
    set(which, 9, 0);
  }
  set(ITIMER_VIRTUAL, 0, 0);
  struct itimerval now;
  getitimer(ITIMER_PROF, &now);
  say("the other one: %ld", (long)now.it_interval.tv_sec);

  alarm(4294967295u);
  say("alarm %u", alarm(3000000000u));
  say("alarm %u", alarm(0));
  return 0;
}
