/* SIGCHLD ignored: children leave no zombie; wait() blocks until all are gone and says ECHILD. */
#include "check.h"

int main(void) {
  on_signal(SIGCHLD, SIG_IGN);
  struct gate go = new_gate();
  pid_t a, b;
  CHILD(a) _exit(1);
  CHILD(b) {
    pass_gate(&go);
    _exit(2);
  }
  while (kill(a, 0) == 0) sleep_ms(1);
  show("first child", kill(a, 0));
  show("WNOHANG while one lives", waitpid(-1, NULL, WNOHANG));
  open_gate(&go);
  show("wait", wait(NULL));
  show("second child", kill(b, 0));
  on_signal(SIGCHLD, SIG_DFL);
  CHILD(a) _exit(3);
  wait_state(a, "Z");
  on_signal(SIGCHLD, SIG_IGN);
  say("an older zombie stays: %c", state_of(a));
  say("%s", reap(a));
  return 0;
}
