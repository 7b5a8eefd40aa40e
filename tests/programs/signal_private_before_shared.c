/* Signals sent to the thread are delivered before those sent to the process, whatever their numbers. */
#include "check.h"

int main(void) {
  sigset_t set = set_of(SIGHUP, SIGUSR1, SIGTERM, RT(3), 0);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  kill(getpid(), SIGHUP);
  kill(getpid(), SIGUSR1);
  tgkill_(getpid(), getpid(), SIGTERM);
  tgkill_(getpid(), getpid(), RT(3));
  struct timespec none = { 0, 0 };
  siginfo_t info;
  for (int sig; (sig = sigtimedwait_(&set, &info, &none)) > 0;) say("%d code %d", sig, info.si_code);
  show("empty", sigtimedwait_(&set, NULL, &none));
  return 0;
}
