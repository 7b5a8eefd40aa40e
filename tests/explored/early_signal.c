/* A tracker that does not mind SIGINT is killed by it: the signal came before its handler was there.
 *
 * Who sends the signal gives it some time first, and that is no promise. Block the signal before the fork, and unblock
 * it when the handler is there. After CPython's bpo-33613. */
#include "explored.h"

static void ignore(int sig) { (void)sig; }

int main(void) {
  int work[2], status;
  char c;
  sigset_t interrupt;
  if (pipe(work)) return 98;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
#ifdef FIXED
  sigprocmask(SIG_BLOCK, &interrupt, NULL);
#endif
  pid_t tracker = fork();
  if (tracker == 0) {
    close(work[1]);
    signal(SIGINT, ignore);
    sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
    while (read(work[0], &c, 1) > 0) continue;
    put(1, "tracked\n");
    _exit(0);
  }
  close(work[0]);
  sched_yield();
  kill(tracker, SIGINT);
  close(work[1]);
  waitpid(tracker, &status, 0);
  return code(status);
}
