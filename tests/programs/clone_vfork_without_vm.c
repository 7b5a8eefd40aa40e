/* CLONE_VFORK alone suspends the parent until the child executes a program or ends, over memory of its own. */
#include "check.h"

static int value = 1;
int main(void) {
  int *order = shared_memory(4096);
  struct gate go = new_gate();
  long c = must(clone_fork(CLONE_VFORK | SIGCHLD));
  if (c == 0) {
    value = 2;
    sleep_ms(3);
    *order = 1;
    _exit(3);
  }
  say("parent goes on after the end: %d; its memory is its own: %d", *order, value);
  say("%s", reap((pid_t)c));
  c = must(clone_fork(CLONE_VFORK | SIGCHLD));
  if (c == 0) {
    sleep_ms(3);
    *order = 2;
    must(dup2(go.fd[0], 0));
    execl("/bin/sh", "sh", "-c", "read x; exit 4", NULL);
    _exit(1);
  }
  say("parent goes on after the exec: %d, child lives: %d", *order, waitpid((pid_t)c, NULL, WNOHANG) == 0);
  must(write(go.fd[1], "\n", 1));
  say("%s", reap((pid_t)c));
  c = must(clone_fork(CLONE_VFORK | SIGCHLD));
  if (c == 0) kill(getpid(), SIGKILL);
  say("killed child: %s", reap((pid_t)c));
  c = must(clone_fork(CLONE_VFORK));
  if (c == 0) _exit(6);
  int status;
  show("without an exit signal, waitpid", waitpid((pid_t)c, &status, 0));
  must(waitpid((pid_t)c, &status, __WALL));
  say("__WALL finds it: %s", wait_str(status));
  return 0;
}
