/* A signal that dumps core ends every process that shares the memory, even when no core may be written. */
// differs: since 5.16 only the process itself is ended; 3.2 kills all users of the memory first (zap_threads)
#include "check.h"

static int shares(void *sig) {
  if (sig == NULL) *(volatile int *)8 = 1;
  else kill(getpid(), *(int *)sig);
  for (;;) pause();
  return 0;
}

int main(void) {
  int term = SIGTERM, abrt = SIGABRT;
  int *const how[] = { &term, &abrt, NULL };
  for (int i = 0; i < 3; i++) {
    pid_t middle;
    CHILD(middle) {
      long c = raw_clone(CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, shares, how[i]);
      say("  %s", reap((pid_t)c));
      _exit(1);
    }
    say("%s: %s", i == 0 ? "TERM" : i == 1 ? "ABRT" : "fault", reap(middle));
  }
  return 0;
}
