/* setsid() is refused while any process is in a group of the caller's number, and works when the last one is gone. */
#include "check.h"

int main(void) {
  own_session();
  struct gate ready = new_gate();
  pid_t a;
  CHILD(a) {
    pid_t member;
    setpgid(0, 0);
    CHILD(member) {
      open_gate(&ready);
      for (;;) pause();
    }
    pass_gate(&ready);
    must(setpgid(0, getppid())); /* leaves its own group; the member keeps it */
    say("moved: %d", getpgrp() == getppid());
    show("setsid", setsid());
    kill(member, SIGKILL);
    wait_state(member, "Z");
    show("setsid, the member is a zombie", setsid());
    wait_for(member);
    say("setsid, nobody left: %d", setsid() == getpid());
    say("session %d group %d", getsid(0) == getpid(), getpgrp() == getpid());
    show("again", setsid());
    pid_t child;
    CHILD(child) {
      say("its child's setsid: %d", setsid() == getpid());
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  say("%s", reap(a));
  show("getsid of nobody", getsid(30000));
  show("getpgid of nobody", getpgid(30000));
  return 0;
}
