/* The cpu and cpuacct controllers: shares, quotas, and what was used. */
// differs: these hierarchies are gone from the kernels of today, or have other rules
#include "cgroup.h"

static double cpu(pid_t p) {
  clockid_t clock;
  struct timespec t;
  clock_getcpuclockid(p, &clock);
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static pid_t spin(const char *group) {
  pid_t p = (pid_t)must(fork());
  if (p) return p;
  must(put(group, "0"));
  for (;;) continue;
}
/* "what: as it should", or how much it was. */
static void about(const char *what, double value, double least, double most) {
  if (value > least && value < most) say("%s: as it should", what);
  else say("%s: %f, not %f to %f", what, value, least, most);
}

int main(void) {
  working_directory();
  must(mount("none", "c", "cgroup", 0, "cpu,cpuacct"));
  say("%s", line_of("/proc/mounts", " cgroup rw"));
  mkdir("c/a", 0755);
  mkdir("c/b", 0755);
  see("c/cpu.shares");
  see("c/cpu.cfs_quota_us");
  see("c/cpu.cfs_period_us");
  see("c/cpu.stat");
  see("c/a/cpu.shares");
  see("c/a/cpu.cfs_quota_us");
  see("c/a/cpu.cfs_period_us");
  see("c/a/cpu.stat");
  see("c/a/cpu.rt_runtime_us");
  set("c/cpu.shares", "5");
  set("c/cpu.cfs_quota_us", "-1");
  set("c/cpu.cfs_period_us", "100000");
  set("c/a/cpu.shares", "0");
  see("c/a/cpu.shares");
  set("c/a/cpu.shares", "99999999999");
  see("c/a/cpu.shares");
  set("c/a/cpu.shares", "-5");
  set("c/a/cpu.shares", "1024");
  set("c/a/cpu.cfs_quota_us", "0");
  set("c/a/cpu.cfs_quota_us", "999");
  set("c/a/cpu.cfs_quota_us", "1000");
  see("c/a/cpu.cfs_quota_us");
  set("c/a/cpu.cfs_quota_us", "-77");
  see("c/a/cpu.cfs_quota_us");
  set("c/a/cpu.cfs_quota_us", "9223372036854775807");
  see("c/a/cpu.cfs_quota_us");
  set("c/a/cpu.cfs_quota_us", "18446744073709551615");
  see("c/a/cpu.cfs_quota_us");
  set("c/a/cpu.cfs_period_us", "999");
  set("c/a/cpu.cfs_period_us", "1000001");
  set("c/a/cpu.cfs_period_us", "1000");
  set("c/a/cpu.cfs_period_us", "18446744073709551615");
  set("c/a/cpu.cfs_period_us", "100000");
  mkdir("c/a/k", 0700);
  set("c/a/cpu.cfs_quota_us", "50000");
  set("c/a/k/cpu.cfs_quota_us", "60000");
  set("c/a/k/cpu.cfs_quota_us", "40000");
  set("c/a/cpu.cfs_quota_us", "30000");
  set("c/a/k/cpu.cfs_quota_us", "-1");
  set("c/a/cpu.cfs_quota_us", "-1");
  rmdir("c/a/k");
  set("c/a/cpu.shares", "2048");
  pid_t x = spin("c/a/tasks"), y = spin("c/b/tasks"), z;
  sleep_ms(400);
  about("2048 to 1024", cpu(x) / cpu(y), 1.8, 2.2);
  kill(x, SIGKILL);
  wait_for(x);
  set("c/b/cpu.cfs_quota_us", "20000");
  double before = cpu(y);
  sleep_ms(500);
  about("20%", cpu(y) - before, 0.08, 0.13);
  say("periods: %d", atoi(strchr(get("c/b/cpu.stat"), ' ')) >= 4);
  struct sched_param fifo = {.sched_priority = 5}, none = {.sched_priority = 0};
  CHILD(z) {
    pause();
  }
  must(put_number("c/b/tasks", z));
  show("FIFO in a group", syscall(SYS_sched_setscheduler, z, SCHED_FIFO, &fifo));
  show("moved", put_number("c/a/tasks", z));
  show("moved to the top", put_number("c/tasks", z));
  show("a normal one again", syscall(SYS_sched_setscheduler, z, SCHED_OTHER, &none));
  show("moved", put_number("c/a/tasks", z));
  kill(z, SIGKILL);
  wait_for(z);

  about("used in b", number("c/b/cpuacct.usage"), 0.2e9, 0.3e9);
  show("moved", put_number("c/a/tasks", y));
  double used = number("c/b/cpuacct.usage");
  sleep_ms(100);
  say("b's stays: %d", number("c/b/cpuacct.usage") == used);
  about("used in a", number("c/a/cpuacct.usage"), 0.3e9, 0.45e9);
  set("c/a/cpuacct.usage", "1");
  set("c/a/cpuacct.usage", "0");
  about("reset", number("c/a/cpuacct.usage"), -1, 1e7);
  double user = 0, system = 0;
  say("stat: %d", sscanf(get("c/a/cpuacct.stat"), "user %lf\nsystem %lf\n", &user, &system));
  about("ticks", user, 25, 45);
  const char *percpu = get("c/b/cpuacct.usage_percpu");
  say("a blank at the end: %d", percpu[strlen(percpu) - 2] == ' ');
  must(mkdir("c/b/k", 0700));
  must(put_number("c/b/k/tasks", y));
  used = number("c/b/cpuacct.usage");
  sleep_ms(100);
  about("b has what those below use", number("c/b/cpuacct.usage") - used, 0.01e9, 0.03e9);
  kill(y, SIGKILL);
  wait_for(y);
  about("those that have ended count", number("c/b/k/cpuacct.usage"), 0.01e9, 0.03e9);
  about("the top group", number("c/cpuacct.usage"), 0.6e9, 2e9);
  show("rmdir", rmdir("c/b/k"));
  show("rmdir", rmdir("c/a"));
  show("rmdir", rmdir("c/b"));
  show("umount", umount("c"));
}
