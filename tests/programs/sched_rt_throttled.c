/* Real-time tasks may use 950 ms of each second, or what the tunables say; then others run. RLIMIT_RTTIME. */
// needs: root
// differs: today's kernels serve others by a deadline instead
#include "check.h"

static void tune(const char *name, const char *value) {
  char path[96];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  int fd = must(open(path, O_WRONLY));
  must(write(fd, value, strlen(value)));
  close(fd);
}
static long now(void) {
  for (volatile int i = 0; i < 2000; i++) continue; /* looking is dear */
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}
static void be(int policy, int priority) {
  struct sched_param p = { .sched_priority = priority };
  must(syscall(SYS_sched_setscheduler, 0, policy, &p));
}
/* A hog for so many ms: the sum of the gaps that are longer than a ms. */
static long gaps(int ms) {
  long start = now(), last = start, sum = 0;
  while (last - start < ms * 1000L) {
    long t = now();
    if (t - last > 3000) sum += t - last;
    last = t;
  }
  return sum / 1000;
}
static void hog(const char *what, int ms, int least, int most) {
  /* Begin with a period. */
  while (now() % 100000 > 10000) continue;
  be(SCHED_FIFO, 1);
  long sum = gaps(ms);
  be(SCHED_OTHER, 0);
  say("%s: out for %d to %d ms of %d: %d", what, least, most, ms, sum >= least && sum <= most);
}
static volatile sig_atomic_t caught;
static long first, second;
static void on_xcpu(int sig) {
  (void)sig;
  if (!caught++) first = now();
  else second = now();
}

int main(void) {
  tune("sched_rt_period_us", "100000");
  tune("sched_rt_runtime_us", "80000");
  hog("by itself", 300, 38, 65);
  pid_t child;
  CHILD(child) {
    for (;;) continue;
  }
  hog("with company", 300, 38, 65);
  tune("sched_rt_runtime_us", "40000");
  hog("less", 300, 110, 185);
  tune("sched_rt_runtime_us", "-1");
  hog("no limit", 250, 0, 10);
  tune("sched_rt_runtime_us", "300000");
  hog("more than there is", 250, 0, 10);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);

  tune("sched_rt_runtime_us", "-1");
  int status;
  struct rlimit limit = { 50000, 1100000 };
  CHILD(child) {
    on_signal(SIGXCPU, on_xcpu);
    be(SCHED_FIFO, 1);
    long start = now();
    must(setrlimit(RLIMIT_RTTIME, &limit));
    while (caught < 2) {
      /* That is not sleep. */
      for (int i = 0; i < 20; i++) now();
      sched_yield();
      if (now() - start > 1300000) break;
    }
    struct rlimit got;
    getrlimit(RLIMIT_RTTIME, &got);
    say("SIGXCPU at the soft limit %d, and a second later %d; then it is %ld", first - start > 48000 && first - start < 65000,
        second - first > 990000 && second - first < 1020000, (long)got.rlim_cur);
    for (;;) continue;
  }
  must(waitpid(child, &status, 0));
  say("at the hard one: signal %d", WTERMSIG(status));
  CHILD(child) {
    be(SCHED_RR, 1);
    limit.rlim_cur = limit.rlim_max = 50000;
    must(setrlimit(RLIMIT_RTTIME, &limit));
    for (int i = 0; i < 10; i++) {
      long start = now();
      while (now() - start < 20000) continue;
      usleep(1000);
    }
    say("sleep begins it anew");
    long start = now();
    while (now() - start < 20000) continue;
    be(SCHED_OTHER, 0);
    start = now();
    while (now() - start < 200000) continue;
    say("it is for real-time only");
    be(SCHED_RR, 1);
    for (;;) continue;
  }
  must(waitpid(child, &status, 0));
  say("both limits the same: signal %d", WTERMSIG(status));
  tune("sched_rt_period_us", "1000000");
  tune("sched_rt_runtime_us", "950000");
  return 0;
}
