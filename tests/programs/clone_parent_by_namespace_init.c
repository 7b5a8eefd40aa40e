/* CLONE_PARENT by the init of a PID namespace is EINVAL: its child would have a parent outside. */
// needs: root
#include "check.h"

int main(void) {
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    show_ok("init: CLONE_PARENT", clone_fork(CLONE_PARENT | SIGCHLD));
    pid_t child;
    CHILD(child) {
      long s = clone_fork(CLONE_PARENT | SIGCHLD);
      if (s == 0) _exit(6);
      _exit(s > 0 ? 5 : 4);
    }
    say("its child may: %s", reap(child));
    int status;
    say("the sibling is init's: %d", waitpid(-1, &status, 0) > 0);
    say("%s", wait_str(status));
    _exit(0);
  }
  say("%s", reap((pid_t)c));
  return 0;
}
