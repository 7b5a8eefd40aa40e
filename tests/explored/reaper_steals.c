/* A failed command counts as done, because a handler of SIGCHLD has taken its exit status.
 *
 * The handler reaps whatever has ended. If the command has ended before its own waitpid(), that one finds no child,
 * and "no child" was taken for "nothing wrong". Keep SIGCHLD blocked from before the fork until the status is here.
 * After Decepticon #340. */
#include "explored.h"

static void reap(int sig) {
  (void)sig;
  int saved = errno;
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  errno = saved;
}

int main(void) {
  struct sigaction action = { .sa_handler = reap, .sa_flags = SA_RESTART };
  int status = 0;
  sigaction(SIGCHLD, &action, NULL);
#ifdef FIXED
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
#endif
  pid_t command = fork();
  if (command == 0) _exit(7);
  waitpid(command, &status, 0);
#ifdef FIXED
  sigprocmask(SIG_UNBLOCK, &chld, NULL);
#endif
  put(1, status ? "the command has failed\n" : "the command is done\n");
  return code(status);
}
