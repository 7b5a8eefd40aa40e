/* SA_NODEFER, SA_RESETHAND, sa_mask; KILL and STOP cannot be caught, ignored or blocked. */
#include "check.h"

static volatile int depth, deepest, calls;
static void recursive(int sig) {
  if (++depth > deepest) deepest = depth;
  if (++calls < 3) raise(sig);
  depth--;
}
static void check_mask(int sig) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("in %d: blocked HUP %d INT %d KILL %d itself %d", sig, sigismember(&mask, SIGHUP), sigismember(&mask, SIGINT),
      sigismember(&mask, SIGKILL), sigismember(&mask, sig));
}

int main(void) {
  struct sigaction sa, old;
  on_signal_flags(SIGUSR1, recursive, 0);
  deepest = calls = 0;
  raise(SIGUSR1);
  say("default: depth %d", deepest);
  on_signal_flags(SIGUSR1, recursive, SA_NODEFER);
  deepest = calls = 0;
  raise(SIGUSR1);
  say("SA_NODEFER: depth %d", deepest);

  memset(&sa, 0, sizeof sa);
  sa.sa_handler = check_mask;
  sa.sa_mask = set_of(SIGHUP, SIGKILL, SIGSTOP, 0);
  sa.sa_flags = (int)SA_RESETHAND;
  must(sigaction(SIGUSR2, &sa, NULL));
  raise(SIGUSR2);
  must(sigaction(SIGUSR2, NULL, &old));
  say("SA_RESETHAND: default again %d, flag kept %d", old.sa_handler == SIG_DFL, !!((unsigned)old.sa_flags & SA_RESETHAND));
  say("KILL taken out of sa_mask: %d, HUP kept: %d", !sigismember(&old.sa_mask, SIGKILL), sigismember(&old.sa_mask, SIGHUP));

  sa.sa_handler = SIG_IGN;
  show("catch KILL", sigaction(SIGKILL, &sa, NULL));
  show("catch STOP", sigaction(SIGSTOP, &sa, NULL));
  show("look at KILL", syscall(SYS_rt_sigaction, SIGKILL, NULL, &old, 8));
  show("signal 0", syscall(SYS_rt_sigaction, 0, NULL, &old, 8));
  show("signal 65", syscall(SYS_rt_sigaction, 65, NULL, &old, 8));
  show("set size 4", syscall(SYS_rt_sigaction, SIGHUP, NULL, &old, 4));
  show("bad pointer", syscall(SYS_rt_sigaction, SIGHUP, 8, NULL, 8));
  sigset_t all, now;
  sigfillset(&all);
  must(sigprocmask(SIG_SETMASK, &all, NULL));
  must(sigprocmask(SIG_SETMASK, NULL, &now));
  say("blocked: TERM %d KILL %d STOP %d", sigismember(&now, SIGTERM), sigismember(&now, SIGKILL), sigismember(&now, SIGSTOP));
  show("bad how", syscall(SYS_rt_sigprocmask, 3, &all, NULL, 8));
  show("bad how without a set", syscall(SYS_rt_sigprocmask, 3, NULL, &now, 8));
  show("bad size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 7));
  show("pending, bad size", syscall(SYS_rt_sigpending, &now, 9));
  show("pending, short", syscall(SYS_rt_sigpending, &now, 4));
  return 0;
}
