/* SA_NOCLDWAIT: no zombies, but the handler still runs. */
#include "check.h"

static volatile int handled;
static void handler(int sig) {
  (void)sig;
  handled++;
}

int main(void) {
  on_signal_flags(SIGCHLD, handler, SA_NOCLDWAIT);
  pid_t child;
  CHILD(child) _exit(1);
  while (kill(child, 0) == 0) sleep_ms(1);
  show("wait", wait(NULL));
  say("handled %d", handled);
  on_signal_flags(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
  CHILD(child) _exit(1);
  while (kill(child, 0) == 0) sleep_ms(1);
  show("with SIG_DFL", wait(NULL));
  return 0;
}
