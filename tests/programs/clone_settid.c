/* CLONE_PARENT_SETTID writes in the parent, CLONE_CHILD_SETTID in the child, before either returns to user mode. */
#include "check.h"

int main(void) {
  int ptid = 0, ctid = 0;
  long r = must(syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ptid, &ctid, 0));
  if (r == 0) {
    say("child: child word is its tid: %d", ctid == gettid_());
    say("child: parent word is 0 or its tid: %d", ptid == 0 || ptid == gettid_());
    _exit(0);
  }
  say("%s", reap((pid_t)r));
  say("parent: parent word is the child: %d, child word %d", ptid == r, ctid);
  r = must(syscall(SYS_clone, CLONE_CHILD_SETTID | SIGCHLD, 0, NULL, 8, 0));
  if (r == 0) _exit(1);
  say("a bad child pointer is ignored: %s", reap((pid_t)r));
  r = syscall(SYS_clone, CLONE_VM | CLONE_VFORK | CLONE_SETTLS | SIGCHLD, 0, NULL, NULL, ~0UL << 60);
  if (r == 0) _exit(2);
  show_ok("a TLS address outside user space", r);
  return 0;
}
