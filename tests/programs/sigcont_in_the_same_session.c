/* SIGCONT may be sent to anybody of the same session, whoever that is; other signals and other sessions need permission. */
// needs: root
#include "check.h"

int main(void) {
  own_session();
  struct gate ready = new_gate();
  pid_t same, other, child;
  CHILD(same) {
    open_gate(&ready);
    for (;;) pause();
  }
  CHILD(other) {
    setsid();
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  pass_gate(&ready);
  kill(same, SIGSTOP);
  wait_state(same, "T");
  CHILD(child) {
    uid_t uid = fresh_uid();
    must(setresuid(uid, uid, uid));
    show("same session: 0", kill(same, 0));
    show("same session: TERM", kill(same, SIGTERM));
    show("same session: CONT", kill(same, SIGCONT));
    show("other session: CONT", kill(other, SIGCONT));
    show("group of the session: CONT", kill(-getpgrp(), SIGCONT));
    show("thread call: CONT", tgkill_(same, same, SIGCONT));
    setsid();
    show("left the session: CONT", kill(same, SIGCONT));
    _exit(0);
  }
  wait_for(child);
  wait_asleep(same);
  say("it goes on: %c", state_of(same));
  CHILD(child) {
    uid_t uid = fresh_uid();
    must(setresuid(uid, uid, 0));
    show("saved id of the sender does not count", kill(same, 0));
    _exit(0);
  }
  wait_for(child);
  pid_t target;
  CHILD(target) {
    must(setresuid(5001, 5002, 5003));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  static const uid_t from[][2] = { { 5001, 9 }, { 9, 5001 }, { 5003, 9 }, { 9, 5003 }, { 5002, 9 }, { 9, 5002 } };
  for (int i = 0; i < 6; i++) {
    CHILD(child) {
      must(setresuid(from[i][0], from[i][1], 9));
      char name[60];
      snprintf(name, sizeof name, "real %u effective %u to 5001 5002 5003", from[i][0], from[i][1]);
      show(name, kill(target, 0));
      _exit(0);
    }
    wait_for(child);
  }
  kill(target, SIGKILL);
  kill(same, SIGKILL);
  kill(other, SIGKILL);
  wait_for(target);
  wait_for(same);
  wait_for(other);
  return 0;
}
