/* setpgid(): who may put whom where. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    struct gate *g = &(struct gate){ { 8, 9 } };
    pass_gate(g);
    return 0;
  }
  pid_t child, other;
  struct gate go = new_gate();
  must(dup2(go.fd[0], 8));
  must(dup2(go.fd[1], 9));
  own_session();
  show("negative group", setpgid(0, -1));
  show("no such process", setpgid(30000, 0));
  show("init", setpgid(1, 0));
  CHILD(child) {
    pass_gate(&go);
    _exit(0);
  }
  show("child into its own", setpgid(child, 0));
  say("its group is its pid: %d", getpgid(child) == child);
  show("child into no group", setpgid(child, 30000));
  show("child back to ours", setpgid(child, getpgrp()));
  show("child into its own, named", setpgid(child, child));
  CHILD(other) {
    show("  join a sibling's group", setpgid(0, child));
    say("  joined: %d", getpgrp() == child);
    show("  move a sibling", setpgid(child, 0));
    show("  move the parent", setpgid(getppid(), 0));
    must(setpgid(0, 0) == -1 ? -1 : 0);
    must(setsid() == -1 && errno == EPERM ? 0 : -1);
    _exit(0);
  }
  wait_for(other);
  open_gate(&go);
  wait_state(child, "Z");
  show("zombie", setpgid(child, getpgrp()));
  wait_for(child);

  struct gate ready = new_gate(), stay = new_gate();
  CHILD(child) {
    must(setsid());
    open_gate(&ready);
    pass_gate(&stay);
    _exit(0);
  }
  pass_gate(&ready);
  show("child in another session", setpgid(child, 0));
  show("into a group of another session", setpgid(0, child));
  open_gate(&stay);
  wait_for(child);

  CHILD(child) {
    execl(argv[0], argv[0], "child", NULL);
    _exit(1);
  }
  wait_asleep(child);
  for (int i = 0; i < 200 && setpgid(child, 0) == 0; i++) sleep_ms(5);
  show("child that has executed a program", setpgid(child, 0));
  open_gate(&go);
  say("%s", reap(child));
  CHILD(child) {
    must(setsid());
    show("session leader", setpgid(0, 0));
    show("session leader, other group", setpgid(0, getppid()));
    _exit(0);
  }
  wait_for(child);
  return 0;
}
