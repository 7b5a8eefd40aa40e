/* Counters, signals and timers as descriptors. */
#include "check.h"
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

int main(void) {
  uint64_t v = 3;
  int e = (int)must(eventfd(2, EFD_NONBLOCK));
  must(write(e, &v, 8));
  ssize_t n = read(e, &v, 8);
  say("eventfd: %d bytes, value %d", (int)n, (int)v);
  show("empty", read(e, &v, 8));
  show("short", read(e, &v, 4));
  v = ~0UL;
  show("too large", write(e, &v, 8));
  int s = (int)must(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
  must(read(s, &v, 8));
  say("semaphore: %d", (int)v);

  sigset_t set = set_of(SIGUSR1, RT(0), 0);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  int f = (int)must(signalfd(-1, &set, SFD_NONBLOCK));
  struct signalfd_siginfo info[3];
  show("no signal", read(f, info, sizeof info));
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), RT(0), (union sigval){ .sival_int = 7 });
  sigqueue(getpid(), RT(0), (union sigval){ .sival_int = 8 });
  n = read(f, info, sizeof info);
  say("signalfd: %d records: %d, %d with %d, %d with %d", (int)(n / 128), info[0].ssi_signo, info[1].ssi_signo, info[1].ssi_int,
      info[2].ssi_signo, info[2].ssi_int);
  say("pid is ours: %d, still pending: %d", info[0].ssi_pid == (unsigned)getpid(), is_pending(SIGUSR1));

  int t = (int)must(timerfd_create(CLOCK_MONOTONIC, 0));
  struct itimerspec spec = { { 0, 2000000 }, { 0, 2000000 } }, now;
  must(timerfd_settime(t, 0, &spec, NULL));
  must(read(t, &v, 8));
  say("timerfd fired: %d", v >= 1);
  sleep_ms(10);
  must(read(t, &v, 8));
  say("several at once: %d", v >= 3);
  must(timerfd_gettime(t, &now));
  say("interval %ld, armed %d", now.it_interval.tv_nsec, now.it_value.tv_nsec > 0);
  show("bad clock", timerfd_create(99, 0));
  spec.it_value.tv_nsec = 2000000000;
  show("bad time", timerfd_settime(t, 0, &spec, NULL));
  return 0;
}
