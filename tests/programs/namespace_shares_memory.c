/* CLONE_NEWPID goes with CLONE_VM and CLONE_VFORK: PID 1 of its namespace in its maker's memory. */
// needs: root
#include "check.h"

static volatile int pid, ppid;
static int first(void *unused) {
  (void)unused;
  pid = (int)syscall(SYS_getpid);
  ppid = (int)syscall(SYS_getppid);
  return 3;
}

int main(void) {
  pid = ppid = -1;
  long c = raw_clone(CLONE_NEWPID | CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, first, NULL);
  const char *end = reap((pid_t)c);
  say("%s: pid %d ppid %d", end, pid, ppid);
  pid = ppid = -1;
  c = raw_clone(CLONE_NEWPID | CLONE_VM | CLONE_VFORK | SIGCHLD, new_stack(), NULL, NULL, NULL, first, NULL);
  int seen = pid;
  say("%s: pid %d when the maker goes on", reap((pid_t)c), seen);
  int ptid = -1, ctid = -1;
  c = must(syscall(SYS_clone, CLONE_NEWPID | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ptid, &ctid, 0));
  if (c == 0) _exit(ctid);
  say("number in the child's words: %s; in the parent's: %d", reap((pid_t)c), ptid == c);
  return 0;
}
