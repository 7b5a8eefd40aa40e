/* kill() of a group succeeds if one member may be signalled; of nobody it is EPERM; kill(-1) hides who refused. */
// needs: root
#include "check.h"

static struct gate ready;
static pid_t member(uid_t uid, pid_t group) {
  pid_t c;
  CHILD(c) {
    setpgid(0, group);
    must(setresuid(uid, uid, uid));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  return c;
}

int main(void) {
  must_be_contained();
  own_session();
  ready = new_gate();
  uid_t uid = fresh_uid();
  pid_t mine = member(uid, 0), foreign = member(0, mine), foreigners = member(0, 0), c;
  CHILD(c) {
    must(setresuid(uid, uid, uid));
    show("one of two may be signalled", kill(-mine, 0));
    show("none may", kill(-foreigners, 0));
    show("no such group", kill(-30000, 0));
    show("bad signal", kill(-mine, 65));
    show("TERM to the group", kill(-mine, SIGTERM));
    show("TERM to everybody", kill(-1, SIGTERM));
    _exit(0);
  }
  wait_for(c);
  say("own %s", reap(mine));
  wait_asleep(foreign);
  wait_asleep(foreigners);
  say("foreign %c %c", state_of(foreign), state_of(foreigners));
  kill(foreign, SIGKILL);
  kill(foreigners, SIGKILL);
  wait_for(foreign);
  wait_for(foreigners);
  return 0;
}
