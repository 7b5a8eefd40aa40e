/* A process ID is used after its process was waited for: the signal goes to somebody who has it now.
 *
 * Forget the number when the process has been waited for. After fcvm #628 and #647, the other half. */
#include "explored.h"

int main(void) {
  int status, hold[2];
  char c;
  if (pipe(hold)) return 98;
  pid_t worker = fork();
  if (worker == 0) _exit(0);
  waitpid(worker, NULL, 0);
#ifdef FIXED
  worker = 0;
#endif
  pid_t other = fork();
  if (other == 0) {
    close(hold[1]);
    _exit((int)read(hold[0], &c, 1));
  }
  if (worker) kill(worker, SIGTERM); /* to be sure that it is gone */
  close(hold[1]);
  waitpid(other, &status, 0);
  put(1, status ? "killed a stranger\n" : "done\n");
  return status != 0;
}
