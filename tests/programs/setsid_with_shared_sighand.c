/* Two processes with one set of handlers (CLONE_SIGHAND without CLONE_THREAD) have groups and sessions of their own. */
#include "check.h"

static volatile int r[4];
static int child(void *arg) {
  (void)arg;
  r[0] = (int)syscall(SYS_setpgid, 0, 0);
  r[1] = (int)syscall(SYS_setpgid, 0, 0);
  r[2] = (int)syscall(SYS_setsid) == -1;
  return 0;
}
static int child2(void *arg) {
  (void)arg;
  r[3] = syscall(SYS_setsid) == syscall(SYS_getpid);
  return 0;
}

int main(void) {
  own_session();
  pid_t c = (pid_t)raw_clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD, new_stack(), NULL, NULL, NULL, child, NULL);
  say("%s", reap(c));
  say("setpgid %d %d, setsid of a group leader fails: %d", r[0], r[1], r[2]);
  c = (pid_t)raw_clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD, new_stack(), NULL, NULL, NULL, child2, NULL);
  say("%s", reap(c));
  say("setsid works: %d", r[3]);
  return 0;
}
