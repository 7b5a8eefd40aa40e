/* A handler of SIGCHLD reaps, and so does the wait() behind the fork: which of them gets the child is a race. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int reaped;
static void reaps(int sig) {
  (void)sig;
  if (waitpid(-1, NULL, WNOHANG) > 0) reaped = 1;
}
int main(void) {
  struct sigaction action = { .sa_handler = reaps, .sa_flags = SA_RESTART };
  sigaction(SIGCHLD, &action, NULL);
  if (fork() == 0) _exit(0);
  int waited = wait(NULL) > 0;
  puts(waited ? "wait" : reaped ? "the handler" : "nobody");
  return 0;
}
