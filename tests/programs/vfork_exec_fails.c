/* A vfork child whose exec fails still has the parent's memory, and may tell why through it. */
#include "check.h"

int main(void) {
  volatile int error = 0;
  pid_t child = vfork();
  if (child == 0) {
    execl("/no/such/program", "x", NULL);
    error = errno;
    _exit(127);
  }
  say("%s, %s", reap(child), errname(error));
  struct gate g = new_gate();
  child = vfork();
  if (child == 0) {
    syscall(SYS_close, g.fd[0]);
    syscall(SYS_close, g.fd[1]);
    _exit(0);
  }
  wait_for(child);
  say("descriptors are its own: %d", fcntl(g.fd[0], F_GETFD) != -1);
  child = vfork();
  if (child == 0) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    _exit(0);
  }
  say("killed child frees the parent: %s", reap(child));
  return 0;
}
