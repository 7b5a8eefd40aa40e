/* A time-out kills a process that has ended and been waited for: its number may be another's by now.
 *
 * The alarm is turned off after the wait; it goes off in between. Block it, from the wait on, and let the handler
 * kill only who is there: here, who has not been waited for. */
#include "explored.h"

static volatile pid_t command;
static volatile sig_atomic_t stranger;

static void timeout(int sig) {
  (void)sig;
  if (command && kill(command, SIGKILL) < 0) stranger = 1;
}

int main(void) {
  struct sigaction action = { .sa_handler = timeout, .sa_flags = SA_RESTART };
  int status;
  sigaction(SIGALRM, &action, NULL);
  pid_t child = command = fork();
  if (child == 0) _exit(0);
  alarm(5);
#ifdef FIXED
  siginfo_t info;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT); /* ended, its number still kept */
  sigprocmask(SIG_BLOCK, &set, NULL);
  waitpid(child, &status, 0);
  command = 0;
  sigprocmask(SIG_UNBLOCK, &set, NULL);
#else
  waitpid(child, &status, 0);
#endif
  alarm(0);
  put(1, stranger ? "killed a stranger\n" : "done\n");
  return stranger;
}
