/* RUSAGE_THREAD is the caller's alone, RUSAGE_SELF all threads', those that have ended included. */
#include "check.h"

static long cpu_us(int who) {
  struct rusage r;
  must(getrusage(who, &r));
  return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}
static void *burns(void *arg) {
  do
    for (volatile int i = 0; i < 20000; i++) continue;
  while (cpu_us(RUSAGE_THREAD) < 8000);
  return arg;
}

int main(void) {
  alarm(100); /* with a clock that runs, instructions take time inside too */
  pthread_t t;
  pthread_create(&t, NULL, burns, NULL);
  pthread_join(t, NULL);
  say("thread %d, self %d", cpu_us(RUSAGE_THREAD) < 7000, cpu_us(RUSAGE_SELF) >= 8000);
  struct timespec a, b;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  say("as the clocks say: %d %d", a.tv_nsec < 7000000, b.tv_nsec >= 8000000);
  say("nobody was waited for: %ld", cpu_us(RUSAGE_CHILDREN));
  return 0;
}
