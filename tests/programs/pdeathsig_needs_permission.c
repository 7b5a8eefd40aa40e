/* The death signal is sent by the dying parent: one that may not signal the child any more sends nothing. */
// needs: root
#include "check.h"

int main(void) {
  int *alive = shared_memory(4096);
  struct gate ready = new_gate(), go = new_gate(), done = new_gate();
  pid_t parent;
  CHILD(parent) {
    pid_t child;
    CHILD(child) {
      must(prctl(PR_SET_PDEATHSIG, SIGKILL));
      open_gate(&ready);
      pass_gate(&go);
      *alive = getppid() == 1;
      open_gate(&done);
      _exit(0);
    }
    pass_gate(&ready);
    must(setresuid(1000, 1000, 1000));
    show("kill", kill(child, SIGKILL));
    _exit(0);
  }
  say("%s", reap(parent));
  open_gate(&go);
  pass_gate(&done);
  say("child lives, and has a new parent: %d", *alive);
  return 0;
}
