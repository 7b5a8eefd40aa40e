/* CLONE_PARENT: the new process is its creator's sibling, also when a thread makes it, and has its exit signal. */
#include "check.h"

static volatile int made;
static int thread(void *unused) {
  (void)unused;
  long p = clone_fork(CLONE_PARENT | SIGCHLD);
  if (p == 0) _exit(getppid() == made ? 4 : 5);
  return 0;
}

int main(void) {
  pid_t child, self = getpid();
  int status;
  CHILD(child) {
    made = self;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    must(raw_clone((unsigned long)flags, new_stack(), NULL, NULL, NULL, thread, NULL) < 0 ? -1 : 0);
    sleep_ms(20);
    show("no child of its own", waitpid(-1, NULL, __WALL));
    _exit(6);
  }
  say("the child: %s", reap(child));
  must(waitpid(-1, &status, 0));
  say("its sibling: %s", wait_str(status));
  show("and that is all", waitpid(-1, NULL, 0));
  return 0;
}
