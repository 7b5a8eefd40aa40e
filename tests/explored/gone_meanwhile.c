/* "No such process": who was there a moment ago has ended, and init has reaped it.
 *
 * A daemon ends by itself when its pipe does. Whoever looks whether it is there and then kills it has to take ESRCH
 * for an answer, since it is not his child, whose number would be kept for him. After dumb-init #106, a test of its
 * own. */
#include "explored.h"

int main(void) {
  int work[2], number[2];
  pid_t daemon;
  char c;
  if (pipe(work) || pipe(number)) return 98;
  pid_t child = fork();
  if (child == 0) {
    close(work[1]);
    pid_t pid = fork();
    if (pid) _exit(write(number[1], &pid, sizeof pid) != sizeof pid);
    while (read(work[0], &c, 1) > 0) continue;
    _exit(0);
  }
  waitpid(child, NULL, 0);
  if (read(number[0], &daemon, sizeof daemon) != sizeof daemon) return 98;
  close(work[1]);
  int failed = 0;
  if (kill(daemon, 0) == 0) failed = kill(daemon, SIGKILL) < 0;
#ifdef FIXED
  if (failed && errno == ESRCH) failed = 0;
#endif
  close(number[1]);
  if (read(number[0], &c, 1) != 0) return 98; /* the daemon has closed its files */
  put(1, failed ? "FAILED: no such process\n" : "cleaned up\n");
  return failed;
}
