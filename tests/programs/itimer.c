/* Interval timers: real time repeats; VIRTUAL and PROF count CPU time; errors; what getitimer() tells. */
#include "check.h"

static volatile int count[65];
static void handler(int sig) { count[sig]++; }
static int within(struct itimerval *t, long s) { return t->it_value.tv_sec >= s - 2 && t->it_value.tv_sec <= s; }

int main(void) {
  struct itimerval t = { { 0, 2000 }, { 0, 2000 } }, off = { { 0, 0 }, { 0, 0 } }, now;
  on_signal(SIGALRM, handler);
  on_signal(SIGVTALRM, handler);
  on_signal(SIGPROF, handler);
  must(setitimer(ITIMER_REAL, &t, NULL));
  while (count[SIGALRM] < 5) pause();
  must(setitimer(ITIMER_REAL, &off, &now));
  say("repeats; interval %ld", (long)now.it_interval.tv_usec);
  must(getitimer(ITIMER_REAL, &now));
  say("off: %d", now.it_value.tv_sec == 0 && now.it_value.tv_usec == 0);
  int before = count[SIGALRM];
  sleep_ms(10);
  say("no more: %d", count[SIGALRM] == before);
  t.it_value.tv_usec = t.it_interval.tv_usec = 10000;
  must(setitimer(ITIMER_VIRTUAL, &t, NULL));
  while (count[SIGVTALRM] < 2)
    for (volatile int i = 0; i < 1000; i++) continue;
  must(setitimer(ITIMER_VIRTUAL, &off, NULL));
  must(setitimer(ITIMER_PROF, &t, NULL));
  while (count[SIGPROF] < 2)
    for (volatile int i = 0; i < 1000; i++) continue;
  must(setitimer(ITIMER_PROF, &off, NULL));
  say("VIRTUAL and PROF fired");
  t = (struct itimerval){ { 5, 0 }, { 100, 0 } };
  must(setitimer(ITIMER_REAL, &t, NULL));
  must(getitimer(ITIMER_REAL, &now));
  say("left about 100: %d, interval %ld", within(&now, 100), (long)now.it_interval.tv_sec);
  must(setitimer(ITIMER_REAL, &off, NULL));
  show("bad timer", syscall(SYS_getitimer, 3, &now));
  t.it_value.tv_usec = 1000000;
  show("bad time", setitimer(ITIMER_REAL, &t, NULL));
  show("NULL disarms", syscall(SYS_setitimer, ITIMER_REAL, NULL, &now));
  return 0;
}
