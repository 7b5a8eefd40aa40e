/* The end of time is 2^63 - 1 ns: later times are that, waits for it can be interrupted, and what is left is told in full. */
#include "check.h"
#include <sys/timerfd.h>

/* 292 years in seconds, the last whole one, the first that is too much, and the greatest. */
static const long seconds[] = { 9223372034, 9223372036, 18446744074, LONG_MAX };

/* The machine may have been up for months, which is time that is not left. */
static long about(long sec) { return sec - sec % 100000000; }
static void handler(int sig) { (void)sig; }
static void interrupt_soon(void) {
  struct itimerval t = { { 0, 0 }, { 0, 20000 } };
  must(setitimer(ITIMER_REAL, &t, NULL));
}
static void tell(const char *what, struct itimerspec t) {
  say("%s: about %ld s, interval %ld.%09ld", what, about(t.it_value.tv_sec), (long)t.it_interval.tv_sec, (long)t.it_interval.tv_nsec);
}

static void timers(long sec) {
  struct itimerval v = { { sec, 5 }, { sec, 5 } };
  show("setitimer", setitimer(ITIMER_REAL, &v, NULL));
  must(getitimer(ITIMER_REAL, &v));
  say("getitimer: about %ld s, interval %ld.%06ld", about(v.it_value.tv_sec), (long)v.it_interval.tv_sec, (long)v.it_interval.tv_usec);
  for (int absolute = 0; absolute <= TIMER_ABSTIME; absolute++) {
    struct itimerspec t = { { sec, 5 }, { sec, 5 } };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    int id, fd = must(timerfd_create(CLOCK_MONOTONIC, 0));
    must(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    must(syscall(SYS_timer_settime, id, absolute, &t, NULL));
    must(syscall(SYS_timer_gettime, id, &t));
    tell(absolute ? "timer until" : "timer for", t);
    must(syscall(SYS_timer_delete, id));
    t = (struct itimerspec){ { sec, 5 }, { sec, 5 } };
    must(timerfd_settime(fd, absolute, &t, NULL));
    must(timerfd_gettime(fd, &t));
    tell(absolute ? "timerfd until" : "timerfd for", t);
    close(fd);
  }
}

static void sleeps(long sec) {
  struct timespec t = { sec, 5 }, left;
  interrupt_soon();
  show("nanosleep", nanosleep(&t, &left));
  say("left: about %ld s", about(left.tv_sec));
  for (int absolute = 0; absolute <= TIMER_ABSTIME; absolute++) {
    left.tv_sec = 0;
    interrupt_soon();
    show(absolute ? "until" : "for", syscall(SYS_clock_nanosleep, CLOCK_REALTIME, absolute, &t, &left));
    say("left: about %ld s", about(left.tv_sec));
  }
  struct timeval tv = { sec, 0 };
  interrupt_soon();
  show("select", syscall(SYS_select, 0, NULL, NULL, NULL, &tv));
  say("left: about %ld s", about(tv.tv_sec));
  interrupt_soon();
  show("ppoll", syscall(SYS_ppoll, NULL, 0, &t, NULL, 8));
  say("left: about %ld s", about(t.tv_sec));
  t.tv_sec = sec;
  int word = 0;
  interrupt_soon();
  show("futex for", futex(&word, F_WAIT, 0, &t));
  interrupt_soon();
  show("futex until", syscall(SYS_futex, &word, F_WAIT_BITSET | 256, 0, &t, NULL, -1));
  sigset_t set = set_of(SIGUSR1, 0);
  interrupt_soon();
  show("sigtimedwait", sigtimedwait_(&set, NULL, &t));
}

/* Microseconds of select(2) may be more than a second; the sum must be a time. */
static void select_sums(void) {
  const struct timeval times[] = { { 0, 3000000 }, { 0, LONG_MAX }, { -1, LONG_MAX }, { LONG_MAX, 1000000 }, { LONG_MAX, LONG_MAX }, { 5, -1 } };
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    struct timeval tv = times[i];
    interrupt_soon();
    show("select", syscall(SYS_select, 0, NULL, NULL, NULL, &tv));
    if (i != 3) say("left: %ld s", (long)tv.tv_sec);
  }
}

int main(void) {
  on_signal(SIGALRM, handler);
  block(SIGUSR1);
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
    say("-- %ld", seconds[i]);
    timers(seconds[i]);
    sleeps(seconds[i]);
  }
  say("-- sums");
  select_sums();
  return 0;
}
