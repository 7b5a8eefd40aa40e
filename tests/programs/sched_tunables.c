/* The scheduler's tunables: defaults, ranges, what is refused, and what two of them do. */
// needs: root
// differs: today's kernels have other files
#include "check.h"

static char *path_of(const char *name) {
  static char path[96];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  return path;
}
static void get(const char *name, char *text) {
  int fd = must(open(path_of(name), O_RDONLY));
  ssize_t n = must(read(fd, text, 63));
  close(fd);
  text[n - 1] = 0;
}
static void set(const char *name, const char *text) {
  char before[64], after[64];
  get(name, before);
  int fd = must(open(path_of(name), O_WRONLY));
  long r = write(fd, text, strlen(text));
  int e = errno;
  close(fd);
  get(name, after);
  say("%s: %s, write %s: %s, then %s", name, before, text, r < 0 ? errname(e) : "ok", after);
  if (strcmp(before, after)) {
    fd = must(open(path_of(name), O_WRONLY));
    must(write(fd, before, strlen(before)));
    close(fd);
  }
}
static int longest_turn(volatile long *turns, int wanted) {
  /* Two who spin: how long one goes on until the other has moved, in ms. */
  volatile int *stop = (volatile int *)(turns + 2);
  *stop = 0;
  pid_t child;
  CHILD(child) {
    while (!*stop) turns[1]++;
    _exit(0);
  }
  struct timespec t0, t;
  long longest = 0;
  clock_gettime(CLOCK_MONOTONIC, &t0);
  struct timespec last = t0;
  for (;;) {
    clock_gettime(CLOCK_MONOTONIC, &t);
    long gap = (t.tv_sec - last.tv_sec) * 1000000 + (t.tv_nsec - last.tv_nsec) / 1000;
    if (gap > longest) longest = gap;
    last = t;
    if ((t.tv_sec - t0.tv_sec) * 1000 + (t.tv_nsec - t0.tv_nsec) / 1000000 > wanted) break;
  }
  *stop = 1;
  wait_for(child);
  return longest / 1000;
}

int main(void) {
  static const char *const writes[][2] = {
    { "sched_latency_ns", "99999" }, { "sched_latency_ns", "100000" }, { "sched_latency_ns", "1000000001" },
    { "sched_min_granularity_ns", "99999" }, { "sched_min_granularity_ns", "1000000000" },
    { "sched_wakeup_granularity_ns", "0" }, { "sched_wakeup_granularity_ns", "-1" },
    { "sched_tunable_scaling", "3" }, { "sched_tunable_scaling", "0" }, { "sched_child_runs_first", "-7" },
    { "sched_migration_cost", "-5" }, { "sched_nr_migrate", "0" }, { "sched_time_avg", "7" },
    { "sched_shares_window", "-9" }, { "timer_migration", "2" }, { "timer_migration", "0" },
    { "sched_rt_period_us", "0" }, { "sched_rt_period_us", "-1" }, { "sched_rt_runtime_us", "0" },
    { "sched_rt_runtime_us", "-5" }, { "sched_rt_runtime_us", "2000000" }, { "sched_autogroup_enabled", "2" },
    { "sched_cfs_bandwidth_slice_us", "0" }, { "sched_cfs_bandwidth_slice_us", "1" }, { "max_lock_depth", "-1" },
  };
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) set(writes[i][0], writes[i][1]);
  show("sched_compat_yield", open("/proc/sys/kernel/sched_compat_yield", O_RDONLY));
  volatile long *turns = shared_memory(4096);
  int usual = longest_turn(turns, 200);
  int fd = must(open(path_of("sched_latency_ns"), O_WRONLY));
  must(write(fd, "80000000", 8));
  int longer = longest_turn(turns, 400);
  must(pwrite(fd, "6000000", 7, 0));
  say("turns with latency 6 ms: below 12 ms %d; with 80 ms: about 40 ms %d", usual < 12, longer > 35 && longer < 60);
  return 0;
}
