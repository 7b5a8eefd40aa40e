/* What a handler does to the mask is undone by its return, except for what it writes into the saved context. */
#include "check.h"
#include <ucontext.h>

static int how;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *u = context;
  sigset_t set = set_of(SIGUSR2, 0), now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  say("in the handler: own %d, mask of the action %d, USR2 %d; saved: own %d", sigismember(&now, sig), sigismember(&now, SIGHUP), sigismember(&now, SIGUSR2),
      sigismember(&u->uc_sigmask, sig));
  if (how == 0) sigprocmask(SIG_BLOCK, &set, NULL);
  if (how == 1) sigprocmask(SIG_UNBLOCK, &set, NULL);
  if (how == 2) sigaddset(&u->uc_sigmask, SIGUSR2);
  if (how == 3) sigfillset(&u->uc_sigmask);
}
static int blocked(int sig) {
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  return sigismember(&now, sig);
}

int main(void) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler;
  sa.sa_flags = SA_SIGINFO;
  sigaddset(&sa.sa_mask, SIGHUP);
  must(sigaction(SIGUSR1, &sa, NULL));
  raise(SIGUSR1);
  say("blocked in the handler: %d", blocked(SIGUSR2));
  how = 1;
  block(SIGUSR2);
  raise(SIGUSR1);
  say("unblocked in the handler: %d", blocked(SIGUSR2));
  unblock(SIGUSR2);
  how = 2;
  raise(SIGUSR1);
  say("added to the saved mask: %d", blocked(SIGUSR2));
  unblock(SIGUSR2);
  how = 3;
  raise(SIGUSR1);
  say("everything: USR2 %d, KILL %d, STOP %d", blocked(SIGUSR2), blocked(SIGKILL), blocked(SIGSTOP));
  sigset_t none;
  sigemptyset(&none);
  must(sigprocmask(SIG_SETMASK, &none, NULL));
  how = 4;
  sa.sa_flags = SA_SIGINFO | SA_NODEFER;
  must(sigaction(SIGUSR1, &sa, NULL));
  raise(SIGUSR1);
  return 0;
}
