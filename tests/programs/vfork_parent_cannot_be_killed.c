/* SIGKILL to the sleeping parent of a vfork child takes effect only when the child lets it go. */
// differs: killable since 3.4; in 3.2 wait_for_completion() in do_fork() is not
#include "check.h"

int main(void) {
  struct gate go = new_gate();
  pid_t *v = shared_memory(4096), middle;
  CHILD(middle) {
    pid_t c = vfork();
    if (c == 0) {
      char byte;
      *v = (pid_t)syscall(SYS_getpid);
      syscall(SYS_read, go.fd[0], &byte, 1);
      _exit(0);
    }
    _exit(0);
  }
  while (!*(volatile pid_t *)v) sleep_ms(1);
  wait_state(middle, "D");
  kill(middle, SIGKILL);
  sleep_ms(5);
  show("WNOHANG", waitpid(middle, NULL, WNOHANG));
  say("parent %c", state_of(middle));
  open_gate(&go);
  say("%s", reap(middle));
  return 0;
}
