/* timer_create() and friends: signal with a value, overruns, gettime, delete, gone after exec and fork. */
#include "check.h"

typedef int ktimer;
static volatile int count, value, code;
static void handler(int sig, siginfo_t *i, void *context) {
  (void)sig;
  (void)context;
  count++, value = i->si_value.sival_int, code = i->si_code;
}

int main(void) {
  ktimer t, u;
  struct sigevent e;
  memset(&e, 0, sizeof e);
  e.sigev_notify = SIGEV_SIGNAL;
  e.sigev_signo = RT(1);
  e.sigev_value.sival_int = 77;
  on_siginfo(RT(1), handler, 0);
  must(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &t));
  struct itimerspec s = { { 0, 0 }, { 0, 1000000 } }, now;
  must(syscall(SYS_timer_settime, t, 0, &s, NULL));
  while (!count) pause();
  say("fired: value %d code %d", value, code);
  must(syscall(SYS_timer_gettime, t, &now));
  say("one shot: off %d", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
  block(RT(1));
  s.it_interval.tv_nsec = 1000000;
  must(syscall(SYS_timer_settime, t, 0, &s, NULL));
  sleep_ms(20);
  count = 0;
  unblock(RT(1));
  long over = syscall(SYS_timer_getoverrun, t);
  say("blocked for a while: delivered once %d, overruns %d", count >= 1, over >= 5);
  pid_t child;
  CHILD(child) {
    show("child has no timers", syscall(SYS_timer_gettime, t, &now));
    _exit(0);
  }
  wait_for(child);
  show("delete", syscall(SYS_timer_delete, t));
  show("again", syscall(SYS_timer_delete, t));
  e.sigev_signo = 65;
  show("bad signal", syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &u));
  show("bad clock", syscall(SYS_timer_create, 77, NULL, &u));
  must(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &u));
  s.it_value.tv_nsec = -1;
  show("bad time", syscall(SYS_timer_settime, u, 0, &s, NULL));
  show("settime NULL", syscall(SYS_timer_settime, u, 0, NULL, NULL));
  return 0;
}
