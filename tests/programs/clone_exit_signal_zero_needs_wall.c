/* A child whose exit signal is not SIGCHLD is found only with __WALL or __WCLONE. */
#include "check.h"

static volatile int chld, usr1;
static void handler(int sig) { sig == SIGCHLD ? chld++ : usr1++; }

static pid_t child_with(int exit_signal) {
  long r = must(clone_fork((unsigned long)exit_signal));
  if (r == 0) _exit(9);
  return (pid_t)r;
}

int main(void) {
  on_signal(SIGCHLD, handler);
  on_signal(SIGUSR1, handler);
  int status;

  pid_t c = child_with(0);
  wait_state(c, "Z");
  show("plain wait", waitpid(-1, &status, 0));
  show("WNOHANG", waitpid(c, &status, WNOHANG));
  say("__WALL finds it: %d", waitpid(c, &status, __WALL) == c);
  say("%s, SIGCHLD %d", wait_str(status), chld);

  c = child_with(SIGUSR1);
  wait_state(c, "Z");
  show("plain wait", waitpid(c, &status, 0));
  say("__WCLONE finds it: %d", waitpid(-1, &status, __WCLONE) == c);
  say("%s, SIGCHLD %d, SIGUSR1 %d", wait_str(status), chld, usr1);

  c = child_with(SIGCHLD);
  wait_state(c, "Z");
  show("__WCLONE does not see a normal child", waitpid(c, &status, __WCLONE));
  const char *end = reap(c);
  say("normal: %s, SIGCHLD %d", end, chld);
  return 0;
}
