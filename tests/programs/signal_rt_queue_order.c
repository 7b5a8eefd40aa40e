/* Real-time signals queue, each with its value; lower numbers first, first in first out within a number. */
#include "check.h"

static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  say("signal RT%d value %d code %d from self %d", sig - RT(0), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0, info->si_code, info->si_pid == getpid());
}

int main(void) {
  sigset_t set = set_of(RT(0), RT(1), RT(2), SIGUSR1, 0);
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler;
  sa.sa_flags = SA_SIGINFO;
  sa.sa_mask = set;
  for (int i = 0; i < 3; i++) must(sigaction(RT(i), &sa, NULL));
  must(sigaction(SIGUSR1, &sa, NULL));
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  for (int i = 0; i < 9; i++) must(sigqueue(getpid(), RT((i * 2) % 3), (union sigval){ .sival_int = i }));
  for (int i = 0; i < 3; i++) must(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 100 + i }));
  must(kill(getpid(), RT(1)));
  must(tgkill_(getpid(), getpid(), RT(1)));
  must(sigprocmask(SIG_UNBLOCK, &set, NULL));
  return 0;
}
