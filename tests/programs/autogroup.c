/* setsid() makes a scheduling group: who is in it, its nice value and who may change that, and what it is good for. */
// needs: root
// differs: today's kernels print other numbers, as others have made sessions
#include "check.h"

static const char *file_of(pid_t pid) {
  static char path[64];
  snprintf(path, sizeof path, "/proc/%d/autogroup", pid);
  return path;
}
static const char *shown(pid_t pid) {
  static char text[128];
  int fd = must(open(file_of(pid), O_RDONLY));
  ssize_t n = must(read(fd, text, sizeof text - 1));
  close(fd);
  text[n ? n - 1 : 0] = 0;
  return text;
}
static int number(pid_t pid) {
  int id = 0;
  sscanf(shown(pid), "/autogroup-%d", &id);
  return id;
}
static int nice_of(pid_t pid) {
  int id = 0, nice = 99;
  sscanf(shown(pid), "/autogroup-%d nice %d", &id, &nice);
  return nice;
}
static void set(pid_t pid, const char *text) {
  int fd = must(open(file_of(pid), O_WRONLY));
  char what[64];
  snprintf(what, sizeof what, "write '%.20s'", text);
  show(what, write(fd, text, strlen(text)));
  close(fd);
}
static void turn(const char *value) {
  int fd = must(open("/proc/sys/kernel/sched_autogroup_enabled", O_WRONLY));
  must(write(fd, value, 1));
  close(fd);
}
static volatile long *count;
static __attribute__((noinline)) void spin(int i, volatile int *stop) {
  while (!*stop) count[i]++;
}
/* The first alone in its session, the other three together in another: what part of the CPU the first gets. */
static long part_of_the_first(const char *nice) {
  volatile int *stop = shared_memory(4096);
  count = shared_memory(4096);
  memset((void *)count, 0, 4096);
  pid_t leader[2];
  for (int i = 0; i < 2; i++) {
    CHILD(leader[i]) {
      must(setsid());
      if (i == 0) {
        spin(0, stop);
        _exit(0);
      }
      if (*nice) {
        int fd = must(open(file_of(getpid()), O_WRONLY));
        must(write(fd, nice, strlen(nice)));
      }
      for (int k = 1; k < 4; k++)
        if (!fork()) {
          spin(k, stop);
          _exit(0);
        }
      while (wait(NULL) > 0) continue;
      _exit(0);
    }
  }
  struct timespec t = { 0, 600000000 };
  nanosleep(&t, NULL);
  *stop = 1;
  wait_for(leader[0]);
  wait_for(leader[1]);
  return 100 * count[0] / (count[0] + count[1] + count[2] + count[3]);
}

int main(void) {
  pid_t child;
  struct gate go = new_gate(), done = new_gate();
  CHILD(child) {
    int before = number(getpid());
    must(setsid());
    int mine = number(getpid());
    say("a new one: %d, nice %d", mine > before, nice_of(getpid()));
    pid_t grandchild;
    CHILD(grandchild) {
      say("a child is in its parent's: %d", number(getpid()) == mine);
      _exit(0);
    }
    wait_for(grandchild);
    CHILD(grandchild) {
      must(setsid());
      say("the next session's is the next: %d", number(getpid()) == mine + 1);
      _exit(0);
    }
    wait_for(grandchild);
    show("setsid again", setsid());
    say("still the same: %d", number(getpid()) == mine);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/autogroup", getpid(), getpid());
    show("of a thread", open(path, O_RDONLY));
    open_gate(&go);
    pass_gate(&done);
    _exit(0);
  }
  pass_gate(&go);
  const char *texts[] = { "5", "0x7\n", "  -3  ", "20", "-21", "", "x", "5 6", "99999999999", "123456789012345", "-0", "19          junk" };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    set(child, texts[i]);
    say("nice %d", nice_of(child));
  }
  pid_t user;
  CHILD(user) {
    /* The file is opened by root, the rights asked for are the writer's. */
    int fd = must(open(file_of(child), O_WRONLY));
    must(setuid(fresh_uid()));
    struct timespec tenth = { 0, 150000000 };
    nanosleep(&tenth, NULL);
    show("a user: nice 4", write(fd, "4", 1));
    show("a user: nice 3, at once", write(fd, "3", 1));
    nanosleep(&tenth, NULL);
    show("a user: nice 2, later", write(fd, "2", 1));
    show("a user: nice -1", write(fd, "-1", 2));
    _exit(0);
  }
  wait_for(user);
  say("nice %d", nice_of(child));
  open_gate(&done);
  wait_for(child);
  long part = part_of_the_first("");
  say("one against three: half of the CPU %d", part > 42 && part < 58);
  part = part_of_the_first("5");
  say("against nice 5: three quarters %d", part > 68 && part < 84);
  turn("0");
  part = part_of_the_first("");
  say("turned off: a quarter %d", part > 18 && part < 32);
  turn("1");
  return 0;
}
