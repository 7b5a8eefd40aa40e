/* While a vfork child is stopped its parent goes on sleeping. */
#include "check.h"

int main(void) {
  pid_t *v = shared_memory(4096), middle;
  CHILD(middle) {
    pid_t c = vfork();
    if (c == 0) {
      *v = (pid_t)syscall(SYS_getpid);
      syscall(SYS_kill, *v, SIGSTOP);
      _exit(3);
    }
    say("vfork returned; child %s", reap(c));
    _exit(0);
  }
  while (!*(volatile pid_t *)v) sleep_ms(1);
  wait_state(*v, "T");
  wait_state(middle, "D");
  say("child %c, parent %c", state_of(*v), state_of(middle));
  kill(middle, SIGSTOP);
  kill(middle, SIGCONT);
  sleep_ms(5);
  say("child %c, parent %c", state_of(*v), state_of(middle));
  kill(*v, SIGCONT);
  say("%s", reap(middle));
  return 0;
}
