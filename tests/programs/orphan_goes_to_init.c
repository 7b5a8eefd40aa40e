/* A child whose parent ends first gets process 1 as its parent. */
#include "check.h"

int main(void) {
  struct gate go = new_gate(), done = new_gate();
  pid_t child;
  CHILD(child) {
    pid_t middle = getpid(), grandchild;
    CHILD(grandchild) {
      say("before: parent is the middle: %d", getppid() == middle);
      open_gate(&done);
      pass_gate(&go);
      say("after: parent is %d", getppid());
      open_gate(&done);
      _exit(0);
    }
    pass_gate(&done);
    _exit(4);
  }
  say("middle %s", reap(child));
  open_gate(&go);
  pass_gate(&done);
  show("not our child", wait(NULL));
  return 0;
}
