/* A handler sees half of a change: two variables belong together and are stored one after the other.
 *
 * Block the signal while they are changed. */
#include "explored.h"

static volatile int low, high;
static volatile sig_atomic_t torn;

static void look(int sig) {
  (void)sig;
  if (low != high) torn = 1;
}

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  signal(SIGUSR1, look);
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    kill(parent, SIGUSR1);
    _exit(0);
  }
#ifdef FIXED
  sigprocmask(SIG_BLOCK, &set, NULL);
#endif
  low++;
  high++;
#ifdef FIXED
  sigprocmask(SIG_UNBLOCK, &set, NULL);
#endif
  waitpid(child, NULL, 0);
  put(1, torn ? "torn\n" : "whole\n");
  return torn;
}
