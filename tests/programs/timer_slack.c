/* PR_SET_TIMERSLACK: by how much what kinds of sleep may be late, and whose sleeps are never. */
// differs: a later kernel gives real-time tasks no slack for a futex either, and a host of several CPUs has other interrupts
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/time.h>

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}
#define MS 1000000L

static void sleep_nanosleep(long ns) {
  struct timespec t = { ns / 1000000000, ns % 1000000000 };
  nanosleep(&t, NULL);
}
static void sleep_clock(long ns) {
  long until = now() + ns;
  struct timespec t = { until / 1000000000, until % 1000000000 };
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static void sleep_poll(long ns) { poll(NULL, 0, (int)(ns / MS)); }
static void sleep_select(long ns) {
  struct timeval t = { 0, ns / 1000 };
  select(0, NULL, NULL, NULL, &t);
}
static void sleep_epoll(long ns) {
  struct epoll_event e;
  int ep = epoll_create1(0);
  epoll_wait(ep, &e, 1, (int)(ns / MS));
  close(ep);
}
static void sleep_futex(long ns) {
  struct timespec t = { 0, ns };
  int word = 0;
  futex(&word, F_WAIT, 0, &t);
}
static void sleep_signal(long ns) {
  struct timespec t = { 0, ns };
  sigset_t set = set_of(SIGUSR1, 0);
  sigtimedwait_(&set, NULL, &t);
}
static void sleep_timer(long ns) {
  struct itimerval t = { { 0, 0 }, { 0, ns / 1000 } };
  sigset_t set = set_of(SIGALRM, 0);
  int sig;
  block(SIGALRM);
  setitimer(ITIMER_REAL, &t, NULL);
  sigwait(&set, &sig);
}

static void how_late(const char *name, void (*nap)(long), long ns, long slack) {
  must(prctl(PR_SET_TIMERSLACK, slack));
  long start = now();
  nap(ns);
  long late = now() - start - ns;
  prctl(PR_SET_TIMERSLACK, 1);
  say("%s: %s", name, late < 0 ? "early" : late < 15 * MS ? "in time" : late < slack + 15 * MS ? "late" : "too late");
}

static void all(const char *who) {
  say("%s", who);
  how_late("nanosleep", sleep_nanosleep, 10 * MS, 60 * MS);
  how_late("clock_nanosleep", sleep_clock, 10 * MS, 60 * MS);
  how_late("poll", sleep_poll, 10 * MS, 60 * MS);
  how_late("select", sleep_select, 10 * MS, 60 * MS);
  how_late("epoll_wait", sleep_epoll, 10 * MS, 60 * MS);
  how_late("futex", sleep_futex, 10 * MS, 60 * MS);
  how_late("sigtimedwait", sleep_signal, 10 * MS, 60 * MS);
  how_late("timer", sleep_timer, 10 * MS, 60 * MS);
}

/* Somebody else's timer goes off within the range. */
static void with_another(void) {
  must(prctl(PR_SET_TIMERSLACK, 1));
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    sleep_nanosleep(40 * MS);
    _exit(0);
  }
  must(prctl(PR_SET_TIMERSLACK, 200 * MS));
  long start = now();
  sleep_nanosleep(10 * MS);
  long slept = now() - start;
  say("with another's timer: %s", slept < 25 * MS ? "too early" : slept < 60 * MS ? "with it" : "later");
  reap(pid);
}

static void *of_a_thread(void *arg) {
  (void)arg;
  say("a thread: %d", prctl(PR_GET_TIMERSLACK));
  prctl(PR_SET_TIMERSLACK, 77);
  prctl(PR_SET_TIMERSLACK, 0);
  say("its default: %d", prctl(PR_GET_TIMERSLACK));
  return NULL;
}
static void values(void) {
  say("at first: %d", prctl(PR_GET_TIMERSLACK));
  must(prctl(PR_SET_TIMERSLACK, 123));
  pthread_t t;
  pthread_create(&t, NULL, of_a_thread, NULL);
  pthread_join(t, NULL);
  must(prctl(PR_SET_TIMERSLACK, 0));
  say("the default: %d", prctl(PR_GET_TIMERSLACK));
  must(prctl(PR_SET_TIMERSLACK, -1L));
  say("the largest: %d", (int)prctl(PR_GET_TIMERSLACK));
  show("a time-out of the largest", poll(NULL, 0, 0));
  must(prctl(PR_SET_TIMERSLACK, 0));
}

static void second(const char *name) {
  long start = now();
  poll(NULL, 0, 1000);
  say("a second's poll, %s: %s", name, now() - start - 1000 * MS < 3 * MS ? "a thousandth late at most" : "later");
}

int main(void) {
  second("nice 0");
  must(nice(5));
  second("nice 5");
  must(nice(-5));
  values();
  with_another();
  all("an ordinary task");
  struct sched_param param = { .sched_priority = 1 };
  must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param));
  all("a real-time task");
  return 0;
}
