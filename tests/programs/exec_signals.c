/* Across exec: handlers become SIG_DFL; ignored stays ignored; the mask and pending signals stay; the altstack goes. */
#include "check.h"

static void handler(int sig) { (void)sig; }

int main(int argc, char **argv) {
  struct sigaction sa;
  stack_t ss;
  if (argc > 1) {
    sigset_t mask;
    for (int sig = SIGHUP; sig <= SIGTERM; sig++) {
      if (sig == SIGKILL) continue;
      must(sigaction(sig, NULL, &sa));
      if (sa.sa_handler != SIG_DFL) say("%d is %s", sig, sa.sa_handler == SIG_IGN ? "ignored" : "handled");
    }
    must(sigaction(SIGUSR1, NULL, &sa));
    sigset_t none;
    sigemptyset(&none);
    say("flags %x, mask empty: %d", (unsigned)sa.sa_flags & ~0x04000000u, !sigismember(&sa.sa_mask, SIGHUP));
    must(sigprocmask(SIG_BLOCK, NULL, &mask));
    for (int sig = 1; sig < 65; sig++)
      if (sigismember(&mask, sig) == 1) say("%d is blocked%s", sig, is_pending(sig) ? " and pending" : "");
    must(sigaltstack(NULL, &ss));
    say("altstack disabled: %d", ss.ss_flags == SS_DISABLE);
    siginfo_t info;
    sigset_t wanted = set_of(RT(0), 0);
    struct timespec no_time = { 0, 0 };
    for (int n; (n = sigtimedwait_(&wanted, &info, &no_time)) > 0;) say("got %d with %d", n, info.si_value.sival_int);
    return 0;
  }
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = handler;
  sa.sa_flags = SA_RESTART | SA_NODEFER;
  sigaddset(&sa.sa_mask, SIGHUP);
  must(sigaction(SIGUSR1, &sa, NULL));
  on_signal(SIGUSR2, handler);
  on_signal(SIGINT, SIG_IGN);
  on_signal(SIGQUIT, SIG_IGN);
  static char alt[65536];
  ss = (stack_t){ .ss_sp = alt, .ss_size = sizeof alt };
  must(sigaltstack(&ss, NULL));
  block(SIGTERM);
  block(SIGALRM);
  block(RT(0));
  kill(getpid(), SIGTERM);
  for (int i = 1; i <= 3; i++) must(sigqueue(getpid(), RT(0), (union sigval){ .sival_int = i }));
  execl(argv[0], argv[0], "child", NULL);
  return 1;
}
