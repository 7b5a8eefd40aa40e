/* When the parent or the child has executed another program since the fork, death is told by SIGCHLD whatever was asked. */
#include "check.h"

static volatile int chld, usr1;
static void handler(int sig) { sig == SIGCHLD ? chld++ : usr1++; }

int main(int argc, char **argv) {
  if (argc > 1) return 8;
  on_signal(SIGCHLD, handler);
  on_signal(SIGUSR1, handler);
  long c = must(clone_fork(SIGUSR1));
  if (c == 0) {
    execl(argv[0], argv[0], "child", NULL);
    _exit(1);
  }
  wait_state((pid_t)c, "Z");
  say("SIGCHLD %d, SIGUSR1 %d", chld, usr1);
  say("an ordinary wait finds it: %s", reap((pid_t)c));
  return 0;
}
