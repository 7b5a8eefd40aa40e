/* What waits when the time of day is set, and what it hears of that. It needs to be root, and a clock of its own. */
#include "programs/check.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

static struct timespec until; /* the time of day an hour from now */
static long start_ms;
static void handler(int sig) { (void)sig; }
static long monotonic_ms(void) {
  struct timespec t;
  must(clock_gettime(CLOCK_MONOTONIC, &t));
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static void set_clock(long by) {
  struct timespec t;
  must(clock_gettime(CLOCK_REALTIME, &t));
  t.tv_sec += by;
  must(clock_settime(CLOCK_REALTIME, &t));
}
static void timer(int absolute) {
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
  struct itimerspec t = { { 0, 0 }, absolute ? until : (struct timespec){ 3600, 0 } };
  timer_t id;
  must(timer_create(CLOCK_REALTIME, &event, &id));
  must(timer_settime(id, absolute, &t, NULL));
  pause();
}
static int timerfd(int flags, int file_flags) {
  int fd = (int)must(timerfd_create(CLOCK_REALTIME, file_flags));
  struct itimerspec t = { { 0, 0 }, flags & TFD_TIMER_ABSTIME ? until : (struct timespec){ 3600, 0 } };
  must(timerfd_settime(fd, flags, &t, NULL));
  return fd;
}
static void take(const char *what, int fd) {
  uint64_t ticks;
  struct pollfd p = { fd, POLLIN, 0 };
  int ready = (int)must(poll(&p, 1, 0));
  long r = read(fd, &ticks, 8);
  if (r == -1) say("%s: %s, %s", what, ready ? "ready" : "not ready", errname(errno));
  else say("%s: %s, %lu", what, ready ? "ready" : "not ready", (unsigned long)ticks);
}

/* One child for each way to wait. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, pi_mutex;
static void *hold(void *m) {
  pthread_mutex_lock(m);
  for (;;) pause();
  return NULL;
}
static const char *wait_some_way(int way) {
  struct timespec hour = { 3600, 0 };
  struct epoll_event ev = { .events = EPOLLIN };
  pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
  pthread_mutexattr_t attr;
  pthread_t t;
  sem_t sem;
  uint64_t ticks;
  int ep;
  switch (way) {
    case 0: clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL); return "sleep until";
    case 1: clock_nanosleep(CLOCK_REALTIME, 0, &hour, NULL); return "sleep for";
    case 2: timer(TIMER_ABSTIME); return "timer until";
    case 3: timer(0); return "timer for";
    case 4: must(read(timerfd(TFD_TIMER_ABSTIME, 0), &ticks, 8)); return "timerfd until";
    case 5: must(read(timerfd(0, 0), &ticks, 8)); return "timerfd for";
    case 6:
      ep = (int)must(epoll_create1(0));
      must(epoll_ctl(ep, EPOLL_CTL_ADD, timerfd(TFD_TIMER_ABSTIME, 0), &ev));
      must(epoll_wait(ep, &ev, 1, -1));
      return "timerfd until, by epoll";
    case 7:
      pthread_mutex_lock(&mutex);
      pthread_cond_timedwait(&cond, &mutex, &until);
      return "condition until";
    case 8:
      sem_init(&sem, 0, 0);
      sem_timedwait(&sem, &until);
      return "semaphore until";
    case 9:
      pthread_create(&t, NULL, hold, &mutex);
      sleep_ms(5);
      pthread_mutex_timedlock(&mutex, &until);
      return "mutex until";
    case 10:
      pthread_mutexattr_init(&attr);
      pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
      pthread_mutex_init(&pi_mutex, &attr);
      pthread_create(&t, NULL, hold, &pi_mutex);
      sleep_ms(5);
      pthread_mutex_timedlock(&pi_mutex, &until);
      return "PI mutex until";
    case 11:
      ep = 0;
      syscall(SYS_futex, &ep, F_WAIT_BITSET | F_PRIVATE, 0, &(struct timespec){ 3600, 0 }, NULL, -1);
      return "futex until, on the other clock";
    case 12:
      alarm(3600);
      pause();
      return "alarm";
    case 13:
      ticks = 0;
      say("cancelled: %s", read(timerfd(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 0), &ticks, 8) == -1 ? errname(errno) : "no");
      return "timerfd that is cancelled";
    default: return NULL;
  }
}
static void everybody_waits(void) {
  int n;
  for (n = 0; n < 14; n++) {
    pid_t child;
    CHILD(child) {
      sleep_ms(n + 1);
      const char *what = wait_some_way(n);
      say("%s: %s", what, monotonic_ms() - start_ms < 1000 ? "at the step" : "after its time");
      _exit(0);
    }
  }
  sleep_ms(100);
  set_clock(7200);
  while (wait(NULL) > 0) continue;
}

static void cancel(void) {
  int fd = timerfd(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, TFD_NONBLOCK);
  struct itimerspec t = { { 0, 0 }, until }, old;
  take("before", fd);
  set_clock(10);
  take("set", fd);
  take("again", fd);
  must(timerfd_gettime(fd, &old));
  say("still armed: %d", old.it_value.tv_sec > 3000);
  set_clock(10);
  show("armed anew after a step", timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL));
  take("then", fd);
  show("without the flag", timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
  set_clock(10);
  take("not cancelled", fd);
  show("relative with it", timerfd_settime(fd, TFD_TIMER_CANCEL_ON_SET, &t, NULL));
  set_clock(10);
  take("not cancelled", fd);
  t.it_value = (struct timespec){ 0, 0 };
  show("disarmed with it", timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL));
  set_clock(10);
  take("disarmed", fd);
  t = (struct itimerspec){ { 100, 0 }, until };
  must(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL));
  set_clock(5000);
  take("expired and cancelled", fd);
  must(timerfd_gettime(fd, &old));
  say("periods go on: %d", old.it_value.tv_sec != 0);
}

/* A periodic timer that waits for times of day counts what a step skips, and waits again after a step back. */
static void periods(void) {
  int fd = timerfd(TFD_TIMER_ABSTIME, TFD_NONBLOCK);
  struct itimerspec t = { { 100, 0 }, until }, old;
  must(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
  set_clock(5050);
  take("a step", fd);
  set_clock(-5050);
  take("back", fd);
  must(timerfd_gettime(fd, &old));
  say("left: %ld s", (long)old.it_value.tv_sec + (old.it_value.tv_nsec > 0));
  set_clock(5050);
  take("forth", fd);
}

/* Times that the clock can be set to. */
static void far_times(void) {
  static const long seconds[] = { 0, 9223372037, LONG_MAX - 100, -1, LONG_MIN };
  struct timespec now, back;
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
    must(clock_gettime(CLOCK_REALTIME, &back));
    struct timespec t = { seconds[i], 0 };
    show("set", clock_settime(CLOCK_REALTIME, &t));
    must(clock_gettime(CLOCK_REALTIME, &now));
    if (seconds[i] >= 0) say("now %ld", (long)now.tv_sec);
    must(clock_settime(CLOCK_REALTIME, &back));
  }
  struct timeval tv = { 5, 1000000 };
  show("a second of microseconds", settimeofday(&tv, NULL));
  must(setuid(1000));
  show("a user, a wrong time", settimeofday(&tv, NULL));
  tv.tv_usec = 0;
  show("a user", settimeofday(&tv, NULL));
}

int main(int argc, char **argv) {
  on_signal(SIGUSR1, handler);
  on_signal(SIGALRM, handler);
  start_ms = monotonic_ms();
  must(clock_gettime(CLOCK_REALTIME, &until));
  until.tv_sec += 3600;
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "waits")) everybody_waits();
  else if (!strcmp(what, "cancel")) cancel();
  else if (!strcmp(what, "periods")) periods();
  else far_times();
  return 0;
}
