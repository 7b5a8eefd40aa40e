/* One process, a number in each PID namespace; signals, waiting and getppid() use the caller's. */
// needs: root
#include "check.h"

int main(void) {
  struct gate up = new_gate(), down = new_gate();
  long outer = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (outer == 0) {
    long inner = must(clone_fork(CLONE_NEWPID | SIGCHLD));
    if (inner == 0) {
      pass_gate(&down);
      say("innermost: getpid %d, getppid %d, getsid %d, getpgrp %d", getpid(), getppid(), getsid(0), getpgrp());
      say("setsid gives %d", setsid());
      pid_t c;
      CHILD(c) _exit(5);
      say("its child is %d: %s", c, reap(c));
      show("signal to an outer number", kill(3, 0));
      open_gate(&up);
      pass_gate(&down);
      _exit(6);
    }
    say("middle: getpid %d, its child is %ld", getpid(), inner);
    open_gate(&down);
    pass_gate(&up);
    show("middle: getsid of it", getsid((pid_t)inner));
    open_gate(&down);
    siginfo_t info;
    must(waitid(P_ALL, 0, &info, WEXITED));
    say("middle: waited for %d, status %d", info.si_pid, info.si_status);
    _exit(0);
  }
  say("%s", reap((pid_t)outer));
  say("outer: its pid was not 1: %d", outer != 1);
  return 0;
}
