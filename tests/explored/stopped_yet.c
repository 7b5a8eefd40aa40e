/* A test finds a process running that "has stopped": it looks as soon as it has read the line before the stop.
 *
 * The line comes before the stop, so it does not say that there was one: wait for the stop itself (WUNTRACED).
 * After dumb-init #67, a test of its own. */
#include "explored.h"

int main(void) {
  int ends[2], status = 0;
  char line[8];
  if (pipe(ends)) return 98;
  pid_t child = fork();
  if (child == 0) {
    put(ends[1], "stop\n");
    raise(SIGSTOP);
    _exit(0);
  }
  if (read(ends[0], line, sizeof line) != 5) return 98;
#ifdef FIXED
  waitpid(child, &status, WUNTRACED);
#else
  sched_yield();
  waitpid(child, &status, WUNTRACED | WNOHANG);
#endif
  int stopped = WIFSTOPPED(status);
  put(1, stopped ? "stopped\n" : "FAILED: it runs\n");
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return !stopped;
}
