/* POSIX timers: errors, kinds of notification, absolute times that are over, the time left; none of it is inherited. */
#include "check.h"

static long create(clockid_t clock, struct sigevent *e, int *id) { return syscall(SYS_timer_create, clock, e, id); }

int main(void) {
  struct sigevent e;
  int id, other, *tid = (int *)((char *)&e + offsetof(struct sigevent, sigev_notify) + 4); /* where libcs do not agree on a name */
  memset(&e, 0, sizeof e);
  e.sigev_notify = SIGEV_SIGNAL;
  e.sigev_signo = 65;
  show("bad signal", create(CLOCK_MONOTONIC, &e, &id));
  e.sigev_signo = SIGUSR1;
  e.sigev_notify = 77;
  show("bad notification", create(CLOCK_MONOTONIC, &e, &id));
  e.sigev_notify = SIGEV_SIGNAL;
  show("bad clock", create(99, &e, &id));
  show("bad event", create(CLOCK_MONOTONIC, (void *)8, &id));
  show("bad id", create(CLOCK_MONOTONIC, &e, (void *)8));
  e.sigev_notify = SIGEV_THREAD_ID;
  *tid = 30000;
  show("thread of nobody", create(CLOCK_MONOTONIC, &e, &id));
  *tid = getppid();
  show("thread of another process", create(CLOCK_MONOTONIC, &e, &id));
  *tid = gettid_();
  show("own thread", create(CLOCK_MONOTONIC, &e, &id));
  struct itimerspec t = { { 0, 0 }, { 0, 1000000000 } }, was, soon = { { 0, 0 }, { 0, 1000000 } }, far = { { 5, 6 }, { 1000, 0 } }, off = { { 0, 0 }, { 0, 0 } };
  show("bad time", syscall(SYS_timer_settime, id, 0, &t, NULL));
  show("no time", syscall(SYS_timer_settime, id, 0, NULL, NULL));
  show("no such timer", syscall(SYS_timer_settime, id + 55, 0, &soon, NULL));
  show("overrun of no such timer", syscall(SYS_timer_getoverrun, id + 55));
  show("delete no such timer", syscall(SYS_timer_delete, id + 55));
  show("arm", syscall(SYS_timer_settime, id, 0, &far, &was));
  say("it was off: %d", !was.it_value.tv_sec && !was.it_value.tv_nsec);
  show("replace", syscall(SYS_timer_settime, id, 0, &soon, &was));
  say("left %d, period %ld.%09ld", was.it_value.tv_sec >= 990, (long)was.it_interval.tv_sec, was.it_interval.tv_nsec);
  sigset_t set = set_of(SIGUSR1, SIGALRM, 0);
  siginfo_t info;
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  int sig = sigtimedwait_(&set, &info, NULL);
  say("got %d code %d overrun %d", sig, info.si_code, info.si_overrun);
  show("one shot: gettime", syscall(SYS_timer_gettime, id, &was));
  say("is off: %d", !was.it_value.tv_sec && !was.it_value.tv_nsec);
  struct itimerspec past = { { 0, 0 }, { 0, 1 } };
  show("absolute time that is over", syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL));
  say("comes at once: %d", sigtimedwait_(&set, &info, NULL));
  show("default event", create(CLOCK_REALTIME, NULL, &other));
  show("arm", syscall(SYS_timer_settime, other, 0, &soon, NULL));
  sig = sigtimedwait_(&set, &info, NULL);
  say("got %d code %d, value is the timer: %d", sig, info.si_code, info.si_value.sival_int == other);
  e.sigev_notify = SIGEV_NONE;
  int silent;
  show("without notification", create(CLOCK_MONOTONIC, &e, &silent));
  show("arm", syscall(SYS_timer_settime, silent, 0, &far, NULL));
  show("gettime", syscall(SYS_timer_gettime, silent, &was));
  say("counts: %d", was.it_value.tv_sec >= 990);
  pid_t child;
  CHILD(child) {
    show("child: has none", syscall(SYS_timer_gettime, silent, &was));
    _exit(0);
  }
  wait_for(child);
  show("off", syscall(SYS_timer_settime, silent, 0, &off, &was));
  show("delete", syscall(SYS_timer_delete, silent));
  show("again", syscall(SYS_timer_delete, silent));
  struct timespec ts = { 0, 1000000000 };
  show("sleep: bad time", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL));
  ts = (struct timespec){ -1, 0 };
  show("sleep: negative", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL));
  show("sleep: own CPU clock", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
  ts = (struct timespec){ 0, 1 };
  show("sleep: until a time that is over", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
  show("sleep: bad clock", syscall(SYS_clock_nanosleep, 77, 0, &ts, NULL));
  return 0;
}
