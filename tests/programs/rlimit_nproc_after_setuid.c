/* RLIMIT_NPROC: setuid() over the limit succeeds, the exec after it is EAGAIN, and fork counts the new user's processes. */
// needs: root
#include "check.h"

int main(void) {
  uid_t uid = fresh_uid();
  pid_t others[2], child;
  struct gate go = new_gate(), ready = new_gate();
  for (int i = 0; i < 2; i++) {
    CHILD(others[i]) {
      must(setresuid(uid, uid, uid));
      open_gate(&ready);
      for (;;) pause();
    }
    pass_gate(&ready);
  }
  CHILD(child) {
    struct rlimit r = { 1, 1 };
    char *args[] = { "true", NULL };
    must(setrlimit(RLIMIT_NPROC, &r));
    show("setuid over the limit", setresuid(uid, uid, uid));
    show("exec", execve("/bin/true", args, args + 1));
    show_ok("fork", fork());
    open_gate(&ready);
    pass_gate(&go);
    show("exec while zombies count", execve("/bin/true", args, args + 1));
    open_gate(&ready);
    pass_gate(&go);
    execve("/bin/true", args, args + 1);
    _exit(9);
  }
  pass_gate(&ready);
  for (int i = 0; i < 2; i++) {
    kill(others[i], SIGKILL);
    wait_state(others[i], "Z");
  }
  open_gate(&go);
  pass_gate(&ready);
  for (int i = 0; i < 2; i++) wait_for(others[i]);
  open_gate(&go);
  say("exec when they are reaped: %s", reap(child));
  return 0;
}
