/* An ignored signal is thrown away when it is sent, but not while it is blocked: it may have a handler by the time it
 * no longer is. To ignore it then throws it away after all. */
#include "check.h"

static void handler(int sig) { say("  handles %d", sig); }

int main(void) {
  on_signal(SIGUSR1, SIG_IGN);
  kill(getpid(), SIGUSR1);
  block(SIGUSR1);
  say("ignored: pending %d", is_pending(SIGUSR1));
  kill(getpid(), SIGUSR1);
  say("ignored and blocked: pending %d", is_pending(SIGUSR1));
  on_signal(SIGUSR1, handler);
  say("with a handler");
  unblock(SIGUSR1);
  say("unblocked: pending %d", is_pending(SIGUSR1));
  block(SIGUSR1);
  kill(getpid(), SIGUSR1);
  on_signal(SIGUSR1, SIG_IGN);
  say("ignored at last: pending %d", is_pending(SIGUSR1));
  return 0;
}
