/* What getrusage(2), times(2), wait4(2) and /proc tell of CPU time are whole jiffies; the time slices too. The sum is that of the exact clock, rounded down. */
// needs: root
// differs: since 4.11 CPU time is kept in ns; a jiffy of 3.2 counts as 4,000,250 ns (cputime_to_timeval, jiffies_to_clock_t)
#include "check.h"
#include <sys/times.h>

static long exact(int clock) {
  struct timespec t;
  must(clock_gettime(clock, &t));
  return t.tv_sec * 1000000000 + t.tv_nsec;
}
/* The jiffies that count as so many microseconds, or -1. */
static long jiffies_of(const struct timeval *tv) {
  long us = tv->tv_sec * 1000000 + tv->tv_usec, n = us / 4000;
  while (n > 0 && n * 4000250 / 1000 > us) n--;
  return n * 4000250 / 1000 == us ? n : -1;
}
static void check_usage(const char *what, const struct rusage *r, long least_ns, long most_ns) {
  long u = jiffies_of(&r->ru_utime), s = jiffies_of(&r->ru_stime);
  say("%s: whole jiffies: %d %d, as many as passed: %d", what, u != -1, s != -1, u + s >= least_ns / 4000000 && u + s <= most_ns / 4000000);
}
static void burn(long ms) {
  long end = exact(CLOCK_PROCESS_CPUTIME_ID) + ms * 1000000;
  while (exact(CLOCK_PROCESS_CPUTIME_ID) < end) continue;
}
static void *thread(void *unused) {
  (void)unused;
  burn(20);
  return NULL;
}

int main(void) {
  struct rusage r, before;
  struct tms t;
  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
  pthread_join(other, NULL);
  for (int i = 0; i < 5; i++) {
    burn(7);
    long least = exact(CLOCK_PROCESS_CPUTIME_ID);
    must(getrusage(RUSAGE_SELF, &r));
    check_usage("self", &r, least, exact(CLOCK_PROCESS_CPUTIME_ID));
    must(getrusage(RUSAGE_SELF, &before));
    must(times(&t));
    must(getrusage(RUSAGE_SELF, &r));
    if (jiffies_of(&r.ru_utime) == jiffies_of(&before.ru_utime) && jiffies_of(&r.ru_stime) == jiffies_of(&before.ru_stime) &&
        (t.tms_utime != jiffies_of(&r.ru_utime) * 4000250 / 10000000 || t.tms_stime != jiffies_of(&r.ru_stime) * 4000250 / 10000000))
      say("times: %ld %ld", (long)t.tms_utime, (long)t.tms_stime);
  }
  must(getrusage(RUSAGE_THREAD, &r));
  say("thread: whole jiffies: %d %d", jiffies_of(&r.ru_utime) != -1, jiffies_of(&r.ru_stime) != -1);
  pid_t child;
  int status;
  CHILD(child) {
    burn(30);
    _exit(0);
  }
  must(wait4(child, &status, 0, &r));
  check_usage("child", &r, 28000000, 34000000);
  must(getrusage(RUSAGE_CHILDREN, &before));
  say("children: the same: %d", !memcmp(&before.ru_utime, &r.ru_utime, 32));
  for (int i = 0; i < 50; i++) {
    CHILD(child) _exit(0);
    wait_for(child);
  }
  must(getrusage(RUSAGE_CHILDREN, &before));
  say("children of less than a jiffy add nothing: %d", !memcmp(&before.ru_utime, &r.ru_utime, 32));
  struct timespec slice;
  struct sched_param p = { .sched_priority = 5 };
  must(syscall(SYS_sched_setscheduler, 0, SCHED_RR, &p));
  must(syscall(SYS_sched_rr_get_interval, 0, &slice));
  say("a round-robin slice: %ld", (long)slice.tv_nsec);
  return 0;
}
