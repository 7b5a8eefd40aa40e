/* setsid(): a new session and group, unless one leads a group already or a group has one's number. */
#include "check.h"

int main(void) {
  own_session();
  pid_t child;
  CHILD(child) {
    pid_t parent_session = getsid(0);
    say("in the parent's session: %d", getsid(getppid()) == parent_session);
    say("setsid gives the pid: %d", setsid() == getpid());
    say("sid and pgrp are the pid: %d %d", getsid(0) == getpid(), getpgrp() == getpid());
    show_ok("again", setsid());
    pid_t grandchild;
    CHILD(grandchild) {
      say("a child is in it: %d, leads nothing: %d", getsid(0) == getppid(), getpgrp() == getppid());
      show_ok("it may leave", setsid());
      _exit(0);
    }
    wait_for(grandchild);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    setpgid(0, 0);
    show_ok("group leader", setsid());
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    /* Leave the own group to a child, then ask again from outside of it: the number is still in use. */
    setpgid(0, 0);
    struct gate g = new_gate();
    pid_t keeper, parent_group = getpgid(getppid());
    CHILD(keeper) {
      pass_gate(&g);
      _exit(0);
    }
    must(setpgid(0, parent_group));
    show_ok("our number is a group's", setsid());
    open_gate(&g);
    wait_for(keeper);
    show_ok("now it is free", setsid());
    _exit(0);
  }
  wait_for(child);
  show("getsid of nobody", getsid(30000));
  show("getpgid of nobody", getpgid(30000));
  return 0;
}
