/* A child whose status cannot be stored has been reaped all the same. */
#include "check.h"

int main(void) {
  pid_t child;
  CHILD(child) _exit(1);
  show("bad status pointer", syscall(SYS_wait4, child, 8, 0, NULL));
  show("again", waitpid(child, NULL, 0));
  CHILD(child) _exit(2);
  show("bad rusage pointer", syscall(SYS_wait4, child, NULL, 0, 8));
  show("again", waitpid(child, NULL, 0));
  CHILD(child) _exit(3);
  show("waitid, bad siginfo pointer", syscall(SYS_waitid, P_PID, child, 8, WEXITED, NULL));
  show("again", waitpid(child, NULL, 0));
  CHILD(child) _exit(4);
  wait_state(child, "Z");
  show("waitid, bad pointer, WNOWAIT", syscall(SYS_waitid, P_PID, child, 8, WEXITED | WNOWAIT, NULL));
  say("is still there: %s", reap(child));
  CHILD(child) pause();
  show("nothing to tell, nothing stored", syscall(SYS_wait4, child, 8, WNOHANG, 8));
  show("waitid with WNOHANG stores zeros", syscall(SYS_waitid, P_PID, child, 8, WEXITED | WNOHANG, NULL));
  kill(child, SIGKILL);
  say("%s", reap(child));
  return 0;
}
