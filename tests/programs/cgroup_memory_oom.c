/* Who dies when a group has no memory left: a child of the worst, all who share the memory; and who wakes when there is some. */
// differs: these hierarchies are gone from the kernels of today, or have other rules
#include "cgroup.h"

static void *fresh(long pages) {
  char *area = mmap(0, (size_t)pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(area, 1, (size_t)pages * 4096);
  return area;
}
static int share(void (*what)(void)) {
  char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return (int)must(clone((int (*)(void *))what, stack + 65536, CLONE_VM | SIGCHLD, NULL));
}
static void sleeper(void) { put("c/b/tasks", "0"); for (;;) pause(); }
static void spared(void) { put("/proc/self/oom_score_adj", "-1000"); for (;;) pause(); }

int main(void) {
  pid_t p, q;
  int ends[2];
  working_directory(), must(pipe(ends));
  must(mount("none", "c", "cgroup", 0, "memory")), must(mkdir("c/a", 0755)), must(mkdir("c/b", 0755));
  set("c/a/memory.limit_in_bytes", "2M");

  say("-- a child of its own memory");
  CHILD(p) {
    struct gate big = new_gate();
    pid_t small, large;
    put("c/a/tasks", "0");
    CHILD(small) fresh(20), open_gate(&big), pause(), _exit(0);
    pass_gate(&big);
    CHILD(large) fresh(100), open_gate(&big), pause(), _exit(0);
    pass_gate(&big);
    fresh(450);
    int status;
    pid_t first = wait(&status);
    say("the larger one first %d: %s", first == large, wait_str(status)), say("the other %d", waitpid(small, &status, WNOHANG) == 0);
    kill(small, SIGKILL), reap(small), _exit(5);
  }
  say("who wanted it: %s", reap(p));

  say("-- a child elsewhere");
  struct gate end = new_gate(), over = new_gate();
  CHILD(p) {
    struct gate big = new_gate();
    CHILD(q) fresh(100), open_gate(&big), pass_gate(&end), say("it lives"), open_gate(&over), _exit(0);
    pass_gate(&big), must(put("c/a/tasks", "0")), fresh(1000), _exit(5);
  }
  say("who wanted it: %s", reap(p)), open_gate(&end), pass_gate(&over);

  say("-- who shares it");
  CHILD(p) {
    put("c/a/tasks", "0");
    pid_t one = share(sleeper), two = share(spared);
    wait_asleep(one), wait_asleep(two);
    must(write(ends[1], &one, sizeof one)), must(write(ends[1], &two, sizeof two));
    fresh(1000), _exit(5);
  }
  pid_t one, two;
  must(read(ends[0], &one, sizeof one)), must(read(ends[0], &two, sizeof two));
  say("who wanted it: %s", reap(p)), sleep_ms(50), say("in another group: %d, spared: %d", kill(one, 0), kill(two, 0)), kill(two, SIGKILL), sleep_ms(50);

  say("-- two groups without room");
  set("c/a/memory.limit_in_bytes", "200K"), set("c/b/memory.limit_in_bytes", "200K"), set("c/a/memory.oom_control", "1"), set("c/b/memory.oom_control", "1");
  CHILD(p) put("c/a/tasks", "0"), fresh(100), _exit(3);
  wait_state(p, "D");
  CHILD(q) put("c/b/tasks", "0"), fresh(100), _exit(4);
  wait_state(q, "D"), say("%s", strchr(get("c/a/memory.oom_control"), 'u')), say("%s", strchr(get("c/b/memory.oom_control"), 'u'));
  set("c/a/memory.limit_in_bytes", "2M"), say("one: %s", reap(p)), say("the other: %c", state_of(q));
  set("c/b/memory.limit_in_bytes", "2M"), say("then: %s", reap(q));

  say("-- several of one group");
  set("c/a/memory.limit_in_bytes", "200K");
  CHILD(p) put("c/a/tasks", "0"), fresh(100), _exit(3);
  wait_state(p, "D");
  CHILD(q) put("c/a/tasks", "0"), fresh(10), _exit(4);
  wait_state(q, "D"), say("%s", strchr(get("c/a/memory.oom_control"), 'u'));
  kill(p, SIGKILL), say("the first is killed: %s", reap(p)), say("the second: %s", reap(q)), say("%s", strchr(get("c/a/memory.oom_control"), 'u'));

  say("-- by a call");
  CHILD(p) {
    put("c/a/tasks", "0");
    char *area = mmap(0, 400 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = open("/dev/zero", O_RDONLY);
    show("read", read(zero, area, 400 * 4096)), _exit(6);
  }
  wait_state(p, "D"), set("c/a/memory.limit_in_bytes", "4M"), say("%s", reap(p));
  show("rmdir", rmdir("c/a")), show("rmdir", rmdir("c/b")), must(umount("c"));
  return 0;
}
