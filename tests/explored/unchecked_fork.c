/* A worker that was never started has "done its work": fork() failed, and -1 means "any child" to waitpid().
 *
 * Look at what fork() returns. */
#include "explored.h"

int main(void) {
  int status;
  pid_t other = fork();
  if (other < 0) return 97;
  if (other == 0) _exit(0);
  pid_t worker = fork();
  if (worker == 0) _exit(3);
#ifdef FIXED
  if (worker < 0) {
    put(1, "cannot start the worker\n");
    waitpid(other, NULL, 0);
    return 97;
  }
#endif
  waitpid(worker, &status, 0);
  waitpid(other, NULL, 0);
  put(1, code(status) == 3 ? "the worker says 3\n" : "the worker says 0\n");
  return code(status) != 3;
}
