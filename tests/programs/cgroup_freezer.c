/* The freezer: what a frozen group does to signals, stops, tracers, vfork() and calls that wait; who may come and go. */
// differs: since 3.7 frozen tasks may be moved, and these hierarchies are gone from the kernels of today
#include "cgroup.h"
#include "ptrace.h"

#include <poll.h>

static void sleeper(void) {
  for (;;) sleep_ms(1);
}
static void stopped(void) {
  raise(SIGSTOP);
  _exit(4);
}
static void napper(void) {
  struct timespec t = {0, 400000000};
  int r = nanosleep(&t, 0);
  _exit(r ? errno : 5);
}
static void poller(void) {
  int r = poll(0, 0, 400);
  _exit(r ? errno : 6);
}
static void sig_waiter(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  int r = (int)syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 8);
  _exit(r == -1 ? errno : 7);
}
static void vforker(void) {
  if (vfork() == 0) {
    sleep_ms(100);
    _exit(0);
  }
  _exit(8);
}
static void forker(void) {
  for (int i = 0; i < 300; i++) {
    pid_t p = fork();
    if (!p) _exit(0);
    if (p > 0) waitpid(p, 0, 0);
  }
  _exit(9);
}
static void traced(void) {
  must(ptrace(PTRACE_TRACEME, 0, 0, 0));
  raise(SIGSTOP);
  _exit(10);
}
static void self_freezer(void) {
  put("c/s/tasks", "0");
  long r = put("c/s/freezer.state", "FROZEN");
  _exit(r == 6 ? 11 : errno);
}
static pid_t start(void (*f)(void)) {
  pid_t pid = (pid_t)must(fork());
  if (pid) return pid;
  f();
  _exit(0);
}
static char letter(pid_t pid) {
  char s = state_of(pid);
  return s == 'R' ? 'S' : s;
}
static void freeze(const char *state) {
  set("c/a/freezer.state", state);
  sleep_ms(20);
}
static void add(pid_t pid) { must(put_number("c/a/tasks", pid)); }

static void signals(void) {
  pid_t pid = start(sleeper), other = start(stopped);
  wait_state(other, "T");
  add(pid), add(other);
  freeze("FROZEN");
  say("frozen: %sstate %c, a stopped one %c", get("c/a/freezer.state"), letter(pid), letter(other));
  kill(pid, SIGTERM);
  sleep_ms(20);
  say("SIGTERM: state %c", letter(pid));
  kill(pid, SIGKILL);
  sleep_ms(20);
  say("SIGKILL: state %c", letter(pid));
  kill(other, SIGCONT);
  sleep_ms(20);
  say("SIGCONT to the stopped one: state %c", letter(other));
  must(mkdir("c/b", 0700));
  show("moved away", put_number("c/b/tasks", pid));
  pid_t third = start(sleeper);
  show("one that comes", put_number("c/a/tasks", third));
  show("by its process", put_number("c/a/cgroup.procs", third));
  set("c/a/freezer.state", "half");
  set("c/a/freezer.state", "FREEZING");
  set("c/a/freezer.state", " FROZEN \n");
  set("c/a/freezer.state", "");
  show("remove a group in use", rmdir("c/a"));
  freeze("THAWED");
  say("first: %s", reap(pid));
  say("second: %s", reap(other));
  kill(third, SIGKILL);
  wait_for(third);
  rmdir("c/b");
}

static void calls(void) {
  void (*kinds[])(void) = {napper, poller, sig_waiter};
  const char *names[] = {"nanosleep", "poll", "sigwaitinfo"};
  for (int i = 0; i < 3; i++) {
    pid_t pid = start(kinds[i]);
    wait_asleep(pid);
    add(pid);
    freeze("FROZEN");
    say("%s: state %c", names[i], letter(pid));
    freeze("THAWED");
    int status = wait_for(pid);
    say("%s: %s%s", names[i], wait_str(status), WEXITSTATUS(status) == EINTR ? " (EINTR)" : "");
  }
}

static void families(void) {
  pid_t pid = start(vforker);
  wait_state(pid, "D");
  add(pid);
  put("c/a/freezer.state", "FROZEN");
  say("a parent in vfork: %sstate %c", get("c/a/freezer.state"), letter(pid));
  sleep_ms(150);
  say("behind it: %sstate %c", get("c/a/freezer.state"), letter(pid));
  freeze("THAWED");
  say("vfork: %s", reap(pid));
  pid = start(forker);
  add(pid);
  for (int i = 0; i < 10; i++) {
    put("c/a/freezer.state", "FROZEN");
    sleep_ms(1);
    put("c/a/freezer.state", "THAWED");
  }
  say("fork: %s", reap(pid));
  pid = start(traced);
  wait_state(pid, "tT");
  wait_for(pid);
  add(pid);
  freeze("FROZEN");
  say("traced: %sstate %c", get("c/a/freezer.state"), letter(pid));
  show("PEEK", ptrace(PTRACE_PEEKUSER, pid, 0, 0) != -1);
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  sleep_ms(20);
  say("goes on: %sstate %c", get("c/a/freezer.state"), letter(pid));
  freeze("THAWED");
  say("traced: %s", reap(pid));
  must(mkdir("c/s", 0700));
  pid = start(self_freezer);
  sleep_ms(20);
  say("itself: state %c, %s", letter(pid), get("c/s/freezer.state"));
  set("c/s/freezer.state", "THAWED");
  say("itself: %s", reap(pid));
  must(rmdir("c/s"));
}

int main(void) {
  working_directory();
  show("mount", mount_groups("freezer"));
  see("c/freezer.state");
  must(mkdir("c/a", 0700));
  say("a new one: %s", get("c/a/freezer.state"));
  freeze("FROZEN");
  say("an empty one: %s", get("c/a/freezer.state"));
  must(mkdir("c/a/k", 0700));
  say("the one below: %s", get("c/a/k/freezer.state"));
  must(rmdir("c/a/k"));
  freeze("THAWED");
  signals();
  calls();
  families();
  say("at last: %s", get("c/a/freezer.state"));
  freeze("FROZEN");
  show("remove it", rmdir("c/a"));
  show("unmount", umount("c"));
}
