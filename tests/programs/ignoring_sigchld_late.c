/* A zombie that is there when SIGCHLD becomes ignored stays until it is waited for; later children vanish. */
#include "check.h"

int main(void) {
  pid_t before, after, c;
  CHILD(before) _exit(1);
  wait_state(before, "Z");
  on_signal(SIGCHLD, SIG_IGN);
  say("still %c", state_of(before));
  CHILD(after) _exit(2);
  for (int i = 0; i < 1000 && state_of(after) != '-'; i++) sleep_ms(1);
  say("the later one %c", state_of(after));
  int s = 0;
  say("wait finds: %d", waitpid(-1, &s, 0) == before);
  say("%s", wait_str(s));
  show("then", waitpid(-1, &s, 0));
  struct gate go = new_gate();
  CHILD(c) {
    pass_gate(&go);
    _exit(3);
  }
  on_signal(SIGCHLD, SIG_DFL);
  open_gate(&go);
  say("not ignored any more: %s", reap(c));
  return 0;
}
