/* CLONE_PARENT makes a sibling: its parent is the caller's parent, who waits for it. */
#include "check.h"

int main(void) {
  pid_t me = getpid();
  struct gate ready = new_gate(), go = new_gate();
  pid_t *sibling = shared_memory(4096);
  pid_t child;
  CHILD(child) {
    long r = must(clone_fork(CLONE_PARENT | SIGCHLD));
    if (r == 0) {
      pass_gate(&go);
      say("sibling: parent is the first process: %d", getppid() == me);
      _exit(11);
    }
    *sibling = (pid_t)r;
    show("the maker cannot wait for it", waitpid((pid_t)r, NULL, 0));
    open_gate(&ready);
    _exit(12);
  }
  pass_gate(&ready);
  say("child %s", reap(child));
  open_gate(&go);
  say("sibling %s", reap(*sibling));
  show("then", wait(NULL));
  return 0;
}
