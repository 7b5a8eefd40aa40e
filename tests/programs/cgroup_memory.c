/* The memory controller: its files, charging, a limit that kills or puts to sleep, and who is told of that. */
// differs: these hierarchies are gone from the kernels of today, or have other rules
#include "cgroup.h"

#include <sys/eventfd.h>

static char *area;
static void touch(int n) { for (int i = 0; i < n; i++) area[i * 4096L] = 1; }
static long num(const char *p) { return atol(get(p)); }
int main(void) {
  working_directory();
  must(mount("none", "c", "cgroup", 0, "memory"));
  mkdir("c/a", 0755);
  see("c/a/usage_in_bytes");
  see("c/a/memory.usage_in_bytes");
  see("c/a/memory.limit_in_bytes");
  see("c/a/memory.soft_limit_in_bytes");
  see("c/a/memory.swappiness");
  see("c/swappiness");
  see("c/memory.swappiness");
  see("c/a/memory.oom_control");
  see("c/memory.oom_control");
  see("c/a/memory.failcnt");
  see("c/a/memory.max_usage_in_bytes");
  see("c/a/memory.use_hierarchy");
  see("c/a/memory.move_charge_at_immigrate");
  see("c/a/memory.force_empty");
  see("c/a/memory.numa_stat");
  see("c/a/memory.memsw.limit_in_bytes");
  see("c/a/memory.stat");
  set("c/memory.limit_in_bytes", "1M");
  set("c/memory.soft_limit_in_bytes", "1M");
  set("c/memory.soft_limit_in_bytes", "-1");
  set("c/a/memory.limit_in_bytes", "-2");
  set("c/a/memory.limit_in_bytes", "1x");
  set("c/a/memory.limit_in_bytes", "1Kb");
  set("c/a/memory.limit_in_bytes", "0x10k");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.limit_in_bytes", "5000");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.limit_in_bytes", "-1");
  set("c/a/memory.limit_in_bytes", "-01");
  set("c/a/memory.limit_in_bytes", "- 1");
  set("c/a/memory.limit_in_bytes", "");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.limit_in_bytes", "  ");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.limit_in_bytes", "99999999999999999999");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.limit_in_bytes", "9223372036854775807");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.limit_in_bytes", "16G");
  see("c/a/memory.limit_in_bytes");
  set("c/a/memory.memsw.limit_in_bytes", "1M");
  set("c/a/memory.limit_in_bytes", "1M");
  set("c/a/memory.memsw.limit_in_bytes", "1M");
  set("c/a/memory.limit_in_bytes", "2M");
  set("c/a/memory.memsw.limit_in_bytes", "-1");
  set("c/a/memory.swappiness", "101");
  set("c/a/memory.swappiness", "0");
  set("c/memory.swappiness", "10");
  set("c/a/memory.oom_control", "2");
  set("c/a/memory.oom_control", "1");
  set("c/memory.oom_control", "1");
  see("c/a/memory.oom_control");
  set("c/a/memory.oom_control", "0");
  set("c/a/memory.use_hierarchy", "2");
  set("c/a/memory.use_hierarchy", "1");
  set("c/memory.use_hierarchy", "1");
  mkdir("c/a/b", 0700);
  set("c/a/memory.use_hierarchy", "0");
  set("c/a/b/memory.use_hierarchy", "1");
  see("c/a/b/memory.use_hierarchy");
  see("c/a/b/memory.swappiness");
  set("c/a/b/memory.swappiness", "5");
  set("c/a/memory.swappiness", "5");
  set("c/a/memory.oom_control", "1");
  rmdir("c/a/b");
  set("c/a/memory.use_hierarchy", "0");
  set("c/a/memory.move_charge_at_immigrate", "4");
  set("c/a/memory.move_charge_at_immigrate", "3");
  set("c/a/memory.move_charge_at_immigrate", "0");
  set("c/a/memory.max_usage_in_bytes", "junk");
  set("c/a/memory.failcnt", "");
  set("c/a/memory.force_empty", "x");
  set("c/memory.force_empty", "x");
  set("c/a/memory.usage_in_bytes", "1");
  set("c/a/memory.stat", "1");
  area = mmap(0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (!child) {
    put("c/a/tasks", "0");
    long before = num("c/a/memory.usage_in_bytes");
    touch(100);
    long now = num("c/a/memory.usage_in_bytes");
    say("100 pages: at least %d, at most %d", now - before >= 69 * 4096, now - before <= 131 * 4096);
    munmap(area, 64 << 20);
    long end = num("c/a/memory.usage_in_bytes");
    say("back: %d", now - end >= 100 * 4096);
    say("failcnt %ld max %d", num("c/a/memory.failcnt"), num("c/a/memory.max_usage_in_bytes") >= now);
    set("c/a/memory.force_empty", "1");
    show("rmdir", rmdir("c/a"));
    _exit(0);
  }
  wait(NULL);
  set("c/a/memory.limit_in_bytes", "1M");
  int out[2]; pipe(out);
  child = fork();
  if (!child) { put("c/a/tasks", "0"); touch(200); write(out[1], "1", 1); touch(300); write(out[1], "2", 1); _exit(0); }
  int st = wait_for(child); close(out[1]); char buf[10] = ""; read(out[0], buf, 9);
  say("over the limit: %s, wrote %s", wait_str(st), buf);
  say("failcnt %d, max %ld", num("c/a/memory.failcnt") > 0, num("c/a/memory.max_usage_in_bytes"));
  set("c/a/memory.oom_control", "1");
  int efd = eventfd(0, EFD_NONBLOCK), cfd = open("c/a/memory.oom_control", O_RDONLY);
  char ev[60]; sprintf(ev, "%d %d", efd, cfd);
  show("event", put("c/a/cgroup.event_control", ev) > 0);
  child = fork();
  if (!child) { put("c/a/tasks", "0"); touch(300); _exit(3); }
  usleep(300000);
  uint64_t n = 0;
  show("told", read(efd, &n, 8));
  say("%d", (int)n);
  say("state %c", state_of(child));
  see("c/a/memory.oom_control");
  say("usage %ld", num("c/a/memory.usage_in_bytes"));
  set("c/a/memory.limit_in_bytes", "8M");
  say("then: %s", reap(child));
  set("c/a/memory.limit_in_bytes", "1M");
  child = fork();
  if (!child) { put("c/a/tasks", "0"); touch(300); _exit(3); }
  usleep(300000);
  say("state %c", state_of(child));
  kill(child, SIGTERM);
  say("TERM: %s", reap(child));
  child = fork();
  if (!child) { put("c/a/tasks", "0"); touch(300); _exit(3); }
  usleep(300000);
  say("state %c", state_of(child));
  set("c/a/memory.oom_control", "0");
  say("enabled: %s", reap(child));
  close(efd); close(cfd);
  set("c/a/cgroup.event_control", "");
  set("c/a/cgroup.event_control", "1");
  set("c/a/cgroup.event_control", "77 1");
  set("c/a/cgroup.event_control", "1 77");
  show("rmdir", rmdir("c/a"));
  show("umount", umount("c"));
}
