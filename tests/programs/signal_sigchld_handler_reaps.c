/* The classic handler that waits for every child it can: none is lost, and the interrupted call goes on. */
#include "check.h"

static volatile int reaped, sum;
static void handler(int sig) {
  (void)sig;
  int e = errno, status;
  while (waitpid(-1, &status, WNOHANG) > 0) reaped++, sum += WEXITSTATUS(status);
  errno = e;
}

int main(void) {
  on_signal_flags(SIGCHLD, handler, SA_RESTART);
  struct gate g = new_gate();
  for (int i = 0; i < 40; i++) {
    pid_t child;
    CHILD(child) {
      if (i == 39) sleep_ms(30), open_gate(&g);
      _exit(i);
    }
  }
  pass_gate(&g);
  while (reaped < 40) sleep_ms(1);
  say("reaped %d, sum %d", reaped, sum);
  show("nobody left", wait(NULL));
  return 0;
}
