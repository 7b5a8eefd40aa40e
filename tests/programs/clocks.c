/* Clocks go forward, agree with one another, and refuse what they must. */
#include "check.h"
#include <sys/times.h>

static long long ns(clockid_t c) {
  struct timespec t;
  must(syscall(SYS_clock_gettime, c, &t));
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
  long long a = ns(CLOCK_MONOTONIC), r = ns(CLOCK_REALTIME);
  sleep_ms(5);
  say("monotonic moved: %d, realtime moved: %d", ns(CLOCK_MONOTONIC) - a >= 5000000, ns(CLOCK_REALTIME) - r >= 5000000);
  struct timeval tv;
  must(syscall(SYS_gettimeofday, &tv, NULL));
  long long d = ns(CLOCK_REALTIME) / 1000 - (tv.tv_sec * 1000000LL + tv.tv_usec);
  say("gettimeofday agrees: %d, time agrees: %d", d >= 0 && d < 1000000, syscall(SYS_time, NULL) - tv.tv_sec <= 1);
  long long cpu = ns(CLOCK_PROCESS_CPUTIME_ID);
  sleep_ms(20);
  say("sleeping costs no CPU: %d", ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 15000000);
  while (ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 5000000) continue;
  say("thread clock runs: %d", ns(CLOCK_THREAD_CPUTIME_ID) > 0);
  struct timespec res;
  must(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &res));
  say("resolution %ld %ld", (long)res.tv_sec, res.tv_nsec);
  show("bad clock", syscall(SYS_clock_gettime, 99, &res));
  clock_t t1 = times(&(struct tms){ 0 });
  sleep_ms(30);
  say("times moved: %d", times(&(struct tms){ 0 }) - t1 >= 2);
  return 0;
}
