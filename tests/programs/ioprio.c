/* I/O priorities: who may set which, whose, and what a newborn has of its parent's. */
// differs: to later kernels a thread that has set nothing is of level 0, and the level of a class is looked at otherwise
#include "check.h"

#define VALUE(class, data) ((class) << 13 | (data))
enum { NONE, RT_, BE, IDLE };
enum { PROCESS = 1, PGRP, USER };

static long get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long set(int which, int who, int value) { return syscall(SYS_ioprio_set, which, who, value); }
static void tell(const char *name, long value) {
  if (value < 0) show(name, value);
  else say("%s: class %ld, level %ld", name, value >> 13, value & 8191);
}

static void values(void) {
  tell("at first", get(PROCESS, 0));
  tell("of the group", get(PGRP, 0));
  show("none, level 1", set(PROCESS, 0, VALUE(NONE, 1)));
  show("real-time, level 8", set(PROCESS, 0, VALUE(RT_, 8)));
  show("best effort, level 8", set(PROCESS, 0, VALUE(BE, 8)));
  show("class 4", set(PROCESS, 0, VALUE(4, 0)));
  show("-1", set(PROCESS, 0, -1));
  show("which 0", set(0, 0, VALUE(BE, 0)));
  show("which 4", set(4, 0, VALUE(BE, 0)));
  show("which 4, class 4", set(4, 0, VALUE(4, 0)));
  show("get which 4", get(4, 0));
  tell("still", get(PROCESS, 0));
  show("none", set(PROCESS, 0, VALUE(NONE, 0)));
  tell("none", get(PROCESS, 0));
  show("idle, level 4000", set(PROCESS, 0, VALUE(IDLE, 4000)));
  tell("idle", get(PROCESS, 0));
  show("real-time", set(PROCESS, 0, VALUE(RT_, 3)));
  tell("real-time", get(PROCESS, getpid()));
  show("best effort", set(PROCESS, gettid_(), VALUE(BE, 6)));
  tell("best effort", get(PROCESS, 0));
  show("nobody", set(PROCESS, 1 << 21, VALUE(BE, 6)));
  show("negative", set(PROCESS, -7, VALUE(BE, 6)));
  show("no group", set(PGRP, 1 << 21, VALUE(BE, 6)));
  show("no user", set(USER, 77777, VALUE(BE, 6)));
  show("get nobody", get(PROCESS, 1 << 21));
  show("get no group", get(PGRP, 1 << 21));
  show("get no user", get(USER, 77777));
  show("nobody, real-time, level 9", set(PROCESS, 1 << 21, VALUE(RT_, 9)));
}

static void *of_a_thread(void *arg) {
  (void)arg;
  tell("a thread", get(PROCESS, 0));
  set(PROCESS, 0, VALUE(BE, 1));
  tell("a thread that has set it", get(PROCESS, 0));
  tell("its leader", get(PROCESS, getpid()));
  return NULL;
}
static void child_of(const char *name, unsigned long flags) {
  pid_t pid = (pid_t)clone_fork(flags | SIGCHLD);
  if (pid == 0) {
    tell(name, get(PROCESS, 0));
    must(set(PROCESS, 0, VALUE(IDLE, 2)));
    _exit(0);
  }
  must(pid);
  int status;
  must(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT));
  tell("  a zombie", get(PROCESS, pid));
  must(waitpid(pid, &status, 0));
  tell("  its parent", get(PROCESS, 0));
}
static void inherited(void) {
  pthread_t t;
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    pthread_create(&t, NULL, of_a_thread, NULL);
    pthread_join(t, NULL);
    _exit(0);
  }
  reap(pid);
  child_of("a child", 0);
  child_of("a child with CLONE_IO", CLONE_IO);
  must(set(PROCESS, 0, VALUE(NONE, 0)));
  child_of("a child of one without a class", 0);
  child_of("the same with CLONE_IO", CLONE_IO);
  show("unshare", unshare(CLONE_IO));
  set(PROCESS, 0, VALUE(BE, 2));
  pid = (pid_t)must(fork());
  if (pid == 0) {
    execl("/proc/self/exe", "exec", "tell", NULL);
    _exit(1);
  }
  say("%s", reap(pid));
}
static void never_set(void) {
  child_of("a child of nobody's", 0);
}
static void shared_without(void) {
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    child_of("CLONE_IO without a context", CLONE_IO);
    _exit(0);
  }
  reap(pid);
}

static void groups(void) {
  struct gate go = new_gate();
  pid_t pids[3];
  own_session();
  set(PROCESS, 0, VALUE(BE, 5));
  for (int i = 0; i < 3; i++) {
    if ((pids[i] = (pid_t)must(fork())) == 0) {
      close(go.fd[1]);
      if (i == 2) setresuid(555, 555, 555);
      char c;
      if (read(go.fd[0], &c, 1)) {}
      _exit(0);
    }
    wait_asleep(pids[i]);
  }
  show("a group", set(PGRP, 0, VALUE(BE, 3)));
  for (int i = 0; i < 3; i++) tell("  member", get(PROCESS, pids[i]));
  set(PROCESS, pids[0], VALUE(BE, 4));
  set(PROCESS, pids[1], VALUE(NONE, 0));
  tell("the best, one without a class among them", get(PGRP, 0));
  set(PROCESS, pids[2], VALUE(RT_, 7));
  tell("the best, one real-time", get(PGRP, getpid()));
  set(PROCESS, pids[2], VALUE(IDLE, 0));
  tell("the best, one idle", get(PGRP, getpid()));
  tell("a user's", get(USER, 555));
  show("a user's", set(USER, 555, VALUE(BE, 7)));
  tell("  the one", get(PROCESS, pids[2]));
  tell("  another", get(PROCESS, pids[0]));
  pid_t user = (pid_t)must(fork());
  if (user == 0) {
    must(setresuid(555, 555, 555));
    show("one's own", set(PROCESS, pids[2], VALUE(BE, 0)));
    show("a stranger's", set(PROCESS, pids[0], VALUE(BE, 0)));
    show("real-time", set(PROCESS, 0, VALUE(RT_, 0)));
    show("real-time, bad level", set(PROCESS, 0, VALUE(RT_, 9)));
    show("idle", set(PROCESS, 0, VALUE(IDLE, 0)));
    show("the own user", set(USER, 0, VALUE(BE, 0)));
    show("by number", set(USER, 555, VALUE(BE, 2)));
    tell("the own user's best", get(USER, 0));
    show("a group with strangers", set(PGRP, 0, VALUE(BE, 1)));
    tell("  oneself", get(PROCESS, 0));
    tell("  one's own", get(PROCESS, pids[2]));
    tell("  a stranger", get(PROCESS, pids[1]));
    _exit(0);
  }
  say("%s", reap(user));
  for (int i = 0; i < 3; i++) kill(pids[i], SIGKILL), wait_for(pids[i]);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    tell("executed", get(PROCESS, 0));
    return 0;
  }
  shared_without();
  never_set();
  values();
  inherited();
  groups();
  return 0;
}
