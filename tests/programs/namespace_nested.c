/* PID namespaces three deep: a number in each, signals downwards only, si_pid of a sender one cannot see is 0. */
// needs: root
#include "check.h"

static struct gate next;
static void wait_for_signal(void) {
  siginfo_t i;
  sigset_t set = set_of(SIGUSR1, 0);
  open_gate(&next);
  int sig = sigtimedwait_(&set, &i, NULL);
  say("level 3: signal %d from %d code %d", sig, i.si_pid, i.si_code);
  pid_t c;
  CHILD(c) {
    show("level 3: kill the only other one", kill(1, 0));
    show("level 3: everybody", kill(-1, SIGKILL));
    _exit(5);
  }
  say("level 3: child is %d, %s", c, reap(c));
  _exit(3);
}
static void levels(void) {
  for (int n = 1;; n++) {
    say("level %d: pid %d ppid %d pgrp %d sid %d", n, getpid(), getppid(), getpgrp(), getsid(0));
    if (n == 3) wait_for_signal();
    struct gate told = new_gate();
    long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
    if (c == 0) {
      pass_gate(&told);
      continue;
    }
    say("level %d: child is %d", n, (int)c);
    open_gate(&told);
    if (n == 1) {
      pass_gate(&next);
      must(kill(3, SIGUSR1)); /* the innermost */
    }
    int s;
    pid_t r = waitpid(-1, &s, 0);
    say("level %d: %d %s", n, r, wait_str(s));
    _exit(n);
  }
}

int main(void) {
  next = new_gate();
  block(SIGUSR1);
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) levels();
  say("%s", reap((pid_t)c));
  return 0;
}
