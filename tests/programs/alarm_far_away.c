/* alarm() takes any number of seconds; what was left comes back rounded, but never as 0. */
#include "check.h"

static void left_of(long sec, long usec) {
  struct itimerval t = { { 0, 0 }, { sec, usec } };
  must(setitimer(ITIMER_REAL, &t, NULL));
  say("left of %ld.%06ld: %u", sec, usec, alarm(0));
}

int main(void) {
  static const unsigned far[] = { 1000, 0x7fffffff, 0x80000000, 0xffffffff };
  for (int i = 0; i < 4; i++) {
    alarm(far[i]);
    say("left of %u: %u", far[i], alarm(0));
  }
  say("nothing left: %u", alarm(0));
  left_of(0, 300000);
  left_of(1, 300000);
  left_of(1, 700000);
  struct itimerval t = { { 7, 0 }, { 100, 0 } };
  must(setitimer(ITIMER_REAL, &t, NULL));
  alarm(100);
  must(getitimer(ITIMER_REAL, &t));
  say("the interval after alarm: %ld", (long)t.it_interval.tv_sec);
  return 0;
}
