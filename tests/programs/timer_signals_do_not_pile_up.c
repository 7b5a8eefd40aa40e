/* A timer has one signal in the queue at most, real-time or not; what comes meanwhile is its overrun. */
#include "check.h"

static int first(int sig, siginfo_t *info) {
  sigset_t set = set_of(sig, 0), pending;
  struct timespec none = { 0, 0 };
  int n = sigtimedwait_(&set, info, &none) > 0;
  sigpending(&pending);
  return n + sigismember(&pending, sig);
}
static int drain(int sig, siginfo_t *last) {
  sigset_t set = set_of(sig, 0);
  struct timespec none = { 0, 0 };
  int n = 0;
  while (sigtimedwait_(&set, last, &none) > 0) n++;
  return n;
}

int main(void) {
  block(RT(0));
  block(SIGALRM);
  struct sigevent e;
  memset(&e, 0, sizeof e);
  e.sigev_notify = SIGEV_SIGNAL;
  e.sigev_signo = RT(0);
  e.sigev_value.sival_int = 42;
  timer_t t, u;
  must(timer_create(CLOCK_MONOTONIC, &e, &t));
  e.sigev_value.sival_int = 43;
  must(timer_create(CLOCK_MONOTONIC, &e, &u));
  struct itimerspec every = { { 0, 1000000 }, { 0, 1000000 } }, once = { { 0, 0 }, { 0, 1000000 } }, off = { { 0, 0 }, { 0, 0 } };
  must(timer_settime(t, 0, &every, NULL));
  sleep_ms(20);
  siginfo_t i;
  int signals = first(RT(0), &i);
  for (int tries = 0; signals > 1 && tries < 100; tries++) { /* a period may end between taking one and looking */
    drain(RT(0), &i);
    sleep_ms(20);
    signals = first(RT(0), &i);
  }
  say("twenty periods: %d signal", signals);
  say("code %d value %d overrun many %d", i.si_code, i.si_value.sival_int, i.si_overrun >= 5);
  say("timer_getoverrun agrees: %d", timer_getoverrun(t) == i.si_overrun);
  must(timer_settime(t, 0, &off, NULL));
  must(timer_settime(t, 0, &once, NULL));
  must(timer_settime(u, 0, &once, NULL));
  sleep_ms(5);
  say("two timers: %d signals", drain(RT(0), &i));
  struct itimerval v = { { 0, 1000 }, { 0, 1000 } }, stop = { { 0, 0 }, { 0, 0 } };
  must(setitimer(ITIMER_REAL, &v, NULL));
  sleep_ms(10);
  must(setitimer(ITIMER_REAL, &stop, NULL));
  say("interval timer: %d signal", drain(SIGALRM, &i));
  say("code %d", i.si_code);
  must(timer_delete(t));
  show("deleted", timer_settime(t, 0, &off, NULL));
  return 0;
}
