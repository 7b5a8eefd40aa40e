/* An init that waits for signals with sigwait() never hears of its child's end.
 *
 * The signals are blocked after the fork. If the child ends before that, SIGCHLD is thrown away, as its default action
 * is to do nothing: the init sleeps for ever, with a zombie. Block them before the fork, and let the child unblock
 * them. After dumb-init #102, mended in #104: one time in about five thousand. */
#include "explored.h"

int main(void) {
  sigset_t all, none;
  int sig, status;
  sigfillset(&all);
  sigemptyset(&none);
#ifdef FIXED
  sigprocmask(SIG_BLOCK, &all, NULL);
#endif
  pid_t child = fork();
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl("/no/such/program", "program", NULL);
    _exit(127);
  }
#ifndef FIXED
  sigprocmask(SIG_BLOCK, &all, NULL);
#endif
  for (;;) {
    sigwait(&all, &sig);
    if (sig != SIGCHLD) {
      kill(child, sig);
      continue;
    }
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == child) return code(status);
  }
}
