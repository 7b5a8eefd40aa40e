/* When the first process of a PID namespace ends, everybody in it is killed and gone before its parent hears of it:
   children, grandchildren, stopped ones, those who ignore signals, and namespaces inside. */
// needs: root
#include "check.h"

static void stay(void) {
  for (;;) pause();
}

int main(void) {
  struct gate ready = new_gate();
  int hold[2];
  must(pipe(hold));
  pid_t child, grandchild;
  long init = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (init == 0) {
    close(hold[0]);
    CHILD(child) {
      CHILD(grandchild) {
        for (int s = 1; s < 32; s++)
          if (s != SIGKILL && s != SIGSTOP) signal(s, SIG_IGN);
        open_gate(&ready);
        stay();
      }
      stay();
    }
    CHILD(child) {
      open_gate(&ready);
      raise(SIGSTOP);
      stay();
    }
    must(waitpid(child, NULL, WUNTRACED));
    CHILD(child) {          /* a zombie, and an orphan behind it */
      CHILD(grandchild) {
        open_gate(&ready);
        stay();
      }
      _exit(0);
    }
    siginfo_t info;
    must(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
    long inner = must(clone_fork(CLONE_NEWPID | SIGCHLD));
    if (inner == 0) {
      CHILD(child) {
        open_gate(&ready);
        stay();
      }
      stay();
    }
    for (int i = 0; i < 4; i++) pass_gate(&ready);
    say("init: %d", getpid());
    _exit(7);
  }
  close(hold[1]);
  say("%s", reap((pid_t)init));
  char c;
  say("nobody holds the pipe any more: %zd", read(hold[0], &c, 1));
  show("no child is left to us", waitpid(-1, NULL, __WALL));
  return 0;
}
