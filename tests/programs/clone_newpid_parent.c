/* A sibling cannot be the init of a new PID namespace. */
// needs: root
// differs: the kernel allows CLONE_NEWPID|CLONE_PARENT since 3.12; 3.2 answers EINVAL (copy_pid_ns)
#include "check.h"

int main(void) {
  pid_t child;
  CHILD(child) {
    long r = clone_fork(CLONE_NEWPID | CLONE_PARENT | SIGCHLD);
    if (r == 0) _exit(0);
    show_ok("NEWPID|PARENT", r);
    _exit(0);
  }
  wait_for(child);
  while (wait(NULL) > 0) continue;
  return 0;
}
