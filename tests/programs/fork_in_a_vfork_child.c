/* A vfork child that forks, or vforks itself: its child copies the memory they share; each parent waits for its own child. */
#include "check.h"

static volatile int value;
int main(void) {
  pid_t child = vfork();
  if (child == 0) {
    value = 1;
    long grandchild = clone_fork(SIGCHLD);
    if (grandchild == 0) {
      value += 10; /* its own copy */
      _exit(value);
    }
    int s = 0;
    syscall(SYS_wait4, grandchild, &s, 0, NULL);
    value = value == 1 ? WEXITSTATUS(s) : 99;
    _exit(3);
  }
  int now = value;
  say("%s, grandchild's value by way of the child: %d", reap(child), now);
  value = 0;
  child = vfork();
  if (child == 0) {
    pid_t grandchild = vfork();
    if (grandchild == 0) {
      value += 5;
      _exit(0);
    }
    value = value == 5 ? 50 : 99;
    int s;
    syscall(SYS_wait4, grandchild, &s, 0, NULL);
    _exit(4);
  }
  now = value;
  say("%s, value %d", reap(child), now);
  return 0;
}
