/* POSIX timers on the CPU clocks: those of user and of user and system time count in jiffies, the others in nanoseconds.
 * A time too long for jiffies is cut to some seventy years, one too long for 64 bits of nanoseconds loses what is above.
 */
// differs: since 4.11 all are in ns, rounded nowhere; 3.2 has cputime_t for two of them (timespec_to_sample)
#include "check.h"

static const struct { const char *name; int clock; } clocks[] = {
  { "process, user and system", -8 }, { "process, user", -7 }, { "process", -6 }, { "process by name", CLOCK_PROCESS_CPUTIME_ID },
  { "thread, user and system", -4 }, { "thread, user", -3 }, { "thread", -2 }, { "thread by name", CLOCK_THREAD_CPUTIME_ID },
};
static struct itimerspec spec(long sec, long nsec, long interval_sec, long interval_nsec) {
  return (struct itimerspec){ { interval_sec, interval_nsec }, { sec, nsec } };
}
static void tell(const char *what, const struct itimerspec *t) {
  say("  %s: %ld s left%s, interval %ld.%09ld", what, (long)t->it_value.tv_sec + (t->it_value.tv_nsec > 900000000),
      t->it_value.tv_sec || t->it_value.tv_nsec ? "" : ", not armed", (long)t->it_interval.tv_sec, (long)t->it_interval.tv_nsec);
}
static volatile int fired;
static void handler(int sig) {
  (void)sig;
  fired++;
}

int main(void) {
  static const long seconds[] = { 7, 9223372036, 18446744073, 18446744074, LONG_MAX };
  on_signal(SIGURG, handler);
  for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++) {
    struct timespec t;
    must(syscall(SYS_clock_getres, clocks[c].clock, &t));
    say("%s: resolution %ld ns", clocks[c].name, (long)t.tv_nsec);
    must(syscall(SYS_clock_gettime, clocks[c].clock, &t));
    if (clocks[c].clock != -6 && clocks[c].clock != -2 && clocks[c].clock < 0)
      say("  in whole jiffies: %d", (t.tv_sec * 1000000000 + t.tv_nsec) % 4000250 == 0);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG };
    struct itimerspec s, old;
    int id;
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
      must(syscall(SYS_timer_create, clocks[c].clock, &event, &id));
      s = spec(seconds[i], 999999999, seconds[i], 5);
      must(syscall(SYS_timer_settime, id, 0, &s, NULL));
      must(syscall(SYS_timer_gettime, id, &old));
      tell("armed", &old);
      s = spec(0, 0, 3, 3);
      must(syscall(SYS_timer_settime, id, 0, &s, &old));
      tell("was", &old);
      must(syscall(SYS_timer_gettime, id, &old));
      tell("stopped", &old);
      must(syscall(SYS_timer_delete, id));
    }
    must(syscall(SYS_timer_create, clocks[c].clock, &event, &id));
    fired = 0;
    s = spec(0, 1, 0, 0);
    must(syscall(SYS_timer_settime, id, 0, &s, NULL));
    while (!fired) continue;
    s = spec(0, 1, 0, 0);
    must(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &s, NULL));
    say("  a time that is over: %d", fired);
    must(syscall(SYS_timer_delete, id));
  }
  return 0;
}
