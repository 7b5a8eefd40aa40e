/* The init of a PID namespace may have threads: its leader's end is not the namespace's; abort() and exit_group() are. */
// needs: root
#include "check.h"
#include <sys/mount.h>

static struct gate hold;
static void *last(void *arg) {
  wait_state(1, "Z");
  say("leader %c; thread's pid %d", state_of(1), getpid());
  pid_t child, grandchild;
  int *made = arg;
  CHILD(child) {
    CHILD(grandchild) {
      made[0] = getpid();
      open_gate(&hold);
      for (;;) pause();
    }
    _exit(4);
  }
  say("%s", reap(child));
  pass_gate(&hold);
  say("the orphan's parent: %d", made[0] > 0);
  show("still alive", kill(made[0], 0));
  _exit(7);
}

int main(void) {
  int *made = shared_memory(4096);
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("proc", "/proc", "proc", 0, NULL));
    hold = new_gate();
    pthread_t t;
    pthread_create(&t, NULL, last, made);
    syscall(SYS_exit, 3);
  }
  say("%s", reap((pid_t)c));
  return 0;
}
