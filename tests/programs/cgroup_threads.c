/* Threads and processes in control groups: moving, lists as seen from a namespace, exec, zombies, several hierarchies. */
// differs: these hierarchies are gone from the kernels of today, or have other rules
#include "cgroup.h"

static struct gate gates[4], done;
static int tids[4];
static int threads_of(const char *path) {
  int n = 0;
  for (const char *t = get(path); *t; t++) n += *t == '\n';
  return n;
}
static void *thread(void *arg) {
  int i = (int)(intptr_t)arg;
  tids[i] = (int)syscall(SYS_gettid);
  open_gate(&done);
  pass_gate(&gates[i]);
  return 0;
}
static const char *of(int tid) {
  char path[60];
  snprintf(path, sizeof path, "/proc/self/task/%d/cgroup", tid);
  static char line[4][200];
  static int next;
  char *text = line[next++ % 4], *colon = strrchr(get(path), ':');
  snprintf(text, 200, "%s", colon ? colon + 1 : "none");
  text[strcspn(text, "\n")] = 0;
  return text;
}
static void *execer(void *arg) {
  put("c/b/tasks", "0");
  execv("/proc/self/exe", arg);
  return 0;
}
static int sees(void *arg) {
  (void)arg;
  put("c/a/tasks", "0");
  say("in a namespace: [%s]", get("c/a/tasks"));
  set("c/b/tasks", "2");
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("after exec: %s", of(getpid()));
    return 0;
  }
  working_directory();
  must(mount_groups("none,name=threads"));
  must(mkdir("c/a", 0700)), must(mkdir("c/b", 0700));
  done = new_gate();
  pthread_t t[3];
  for (int i = 0; i < 3; i++) {
    gates[i] = new_gate();
    pthread_create(&t[i], 0, thread, (void *)(intptr_t)i);
    pass_gate(&done);
  }
  show("a thread", put_number("c/a/tasks", tids[0]));
  say("%s %s %s, main %s", of(tids[0]), of(tids[1]), of(tids[2]), of(getpid()));
  say("tasks %d procs %d", threads_of("c/a/tasks"), threads_of("c/a/cgroup.procs"));
  char me[24];
  snprintf(me, sizeof me, "%d\n", getpid());
  say("procs has the process: %d", !strcmp(get("c/a/cgroup.procs"), me));
  show("the process by a thread", put_number("c/b/cgroup.procs", tids[1]));
  say("%s %s %s, main %s", of(tids[0]), of(tids[1]), of(tids[2]), of(getpid()));
  say("tasks %d procs %d", threads_of("c/b/tasks"), threads_of("c/b/cgroup.procs"));
  int fd = open("c/b/tasks", O_RDONLY), before = 0, after = 0;
  open_gate(&gates[2]);
  pthread_join(t[2], 0);
  sleep_ms(5);
  char text[400];
  before = (int)read(fd, text, sizeof text);
  see("c/a/tasks");
  after = threads_of("c/b/tasks");
  lseek(fd, 0, SEEK_SET);
  int refreshed = (int)read(fd, text, sizeof text);
  say("the list of before: %s, now %d, %s", before > 0 ? "there" : "not there", after, refreshed < before ? "new" : "old");
  close(fd);
  show("a dead thread", put_number("c/a/tasks", tids[2]));
  show("not a thread", put_number("c/a/tasks", 1 << 30));
  show("negative", put("c/a/tasks", "-1"));
  show("of more than 32 bits", put_number("c/b/tasks", (1L << 32) + tids[0]));
  int pid;
  CHILD(pid) {
    say("forked in %s", of(getpid()));
    put("c/a/tasks", "0");
    _exit(0);
  }
  wait_for(pid);
  sleep_ms(1);
  show("remove what only a zombie was in", rmdir("c/a"));
  show("busy", rmdir("c/b"));
  must(mkdir("c/a", 0700));
  CHILD(pid) {
    char *args[] = {argv[0], "x", 0};
    pthread_t e;
    pthread_create(&e, 0, execer, args);
    pause();
  }
  wait_for(pid);
  chmod("c/a/tasks", 0666), chmod("c/a", 0755), chmod("c", 0755);
  CHILD(pid) {
    must(setresuid(7, 8, 9));
    pause();
  }
  sleep_ms(2);
  for (int i = 7; i < 10; i++) {
    int mover;
    CHILD(mover) {
      must(setresuid((uid_t)i, (uid_t)i, (uid_t)i));
      say("user %d moves one of 7, 8, 9: %s", i, put_number("c/a/tasks", pid) ? errname(errno) : "ok");
      _exit(0);
    }
    wait_for(mover);
  }
  kill(pid, SIGKILL);
  wait_for(pid);
  CHILD(pid) {
    must(unshare(CLONE_NEWPID) == -1 && errno == EINVAL ? 0 : -1);
    _exit(0);
  }
  say("3.2 has no such unshare: %s", reap(pid));
  static char stack[65536];
  pid = clone(sees, stack + sizeof stack - 64, CLONE_NEWPID | SIGCHLD, 0);
  say("namespace: %s", reap(pid));
  int both = mkdir("d", 0700);
  show("another hierarchy", both == 0 ? mount("none", "d", "cgroup", 0, "none,name=other") : -1);
  must(mkdir("d/x", 0700));
  put("d/x/tasks", "0");
  char *lines = strdup(get("/proc/self/cgroup"));
  for (char *line = strtok(lines, "\n"); line; line = strtok(0, "\n")) say("%s", strchr(line, ':'));
  put("d/cgroup.procs", "0");
  show("rmdir", rmdir("d/x"));
  show("umount", umount("d"));
  open_gate(&gates[0]), open_gate(&gates[1]);
  pthread_join(t[0], 0), pthread_join(t[1], 0);
  put("c/cgroup.procs", "0");
  show("rmdir", rmdir("c/a"));
  show("rmdir", rmdir("c/b"));
  show("umount", umount("c"));
  say("%s", groups());
}
