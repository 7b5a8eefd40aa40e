/* fork() inside a signal handler: both sides come back from it, each with its own frame and mask. */
#include "check.h"

static volatile pid_t child = -1;

static void handler(int sig) {
  (void)sig;
  child = fork();
}

int main(void) {
  on_signal(SIGUSR1, handler);
  must(raise(SIGUSR1));
  sigset_t mask;
  must(sigprocmask(SIG_BLOCK, NULL, &mask));
  if (child == 0) {
    say("child is back, SIGUSR1 blocked: %d", sigismember(&mask, SIGUSR1));
    _exit(5);
  }
  say("%s", reap(child));
  say("parent is back, SIGUSR1 blocked: %d", sigismember(&mask, SIGUSR1));
  return 0;
}
