/* Pending signals, timers and alarms stay with the parent; the mask and the handlers go to the child as well. */
#include "check.h"

static void handler(int sig) { say("handler %d in %s", sig, getppid() == 1 ? "parent" : "child"); }

int main(void) {
  block(SIGUSR1);
  block(RT(0));
  on_signal(SIGUSR1, handler);
  kill(getpid(), SIGUSR1);
  tgkill_(getpid(), gettid_(), SIGUSR1);
  sigqueue(getpid(), RT(0), (union sigval){ .sival_int = 1 });
  alarm(100);
  pid_t child;
  CHILD(child) {
    say("child: USR1 %d RT %d, alarm %u", is_pending(SIGUSR1), is_pending(RT(0)), alarm(0));
    unblock(SIGUSR1);
    kill(getpid(), SIGUSR1);
    _exit(0);
  }
  wait_for(child);
  say("parent: USR1 %d RT %d, alarm %d", is_pending(SIGUSR1), is_pending(RT(0)), alarm(0) >= 99);
  return 0;
}
