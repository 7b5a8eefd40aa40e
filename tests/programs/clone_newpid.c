/* A PID namespace: its first process is 1, sees no parent, adopts orphans, and takes everybody with it. */
// needs: root
#include "check.h"

int main(void) {
  struct gate ready = new_gate(), go = new_gate();
  int report[2];
  must(pipe(report));
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    say("init: getpid %d, getppid %d", getpid(), getppid());
    pid_t child;
    CHILD(child) {
      say("inner child: getpid %d, getppid %d", getpid(), getppid());
      pid_t grandchild;
      CHILD(grandchild) {
        pass_gate(&go);
        say("orphan: getpid %d, getppid %d", getpid(), getppid());
        _exit(7);
      }
      _exit(0);
    }
    say("inner child is %d and %s", child, reap(child));
    open_gate(&go);
    int status;
    pid_t orphan = wait(&status);
    say("init reaps orphan %d: %s", orphan, wait_str(status));
    show("init: SIGKILL to itself", kill(1, SIGKILL));
    show("init: SIGTERM to itself", kill(1, SIGTERM));
    CHILD(child) {
      close(ready.fd[0]);
      close(report[0]);
      open_gate(&ready);
      pause();
      _exit(0);
    }
    pass_gate(&ready);
    _exit(3);
  }
  close(report[1]);
  int status;
  say("waited by its outer PID: %d", waitpid((pid_t)c, &status, 0) == c);
  say("init %s", wait_str(status));
  char byte;
  say("the sleeper was killed with it: read gives %d", (int)read(report[0], &byte, 1));
  return 0;
}
