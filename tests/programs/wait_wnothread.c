/* Any thread may wait for the children of another one, unless it says __WNOTHREAD. */
#include "check.h"

static pid_t child;
static struct gate made, done;

static void *maker(void *arg) {
  CHILD(child) _exit(9);
  open_gate(&made);
  pass_gate(&done);
  return arg;
}

int main(void) {
  made = new_gate();
  done = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, maker, NULL);
  pass_gate(&made);
  wait_state(child, "Z");
  show("__WNOTHREAD", waitpid(-1, NULL, __WNOTHREAD));
  int status = 0;
  say("without: %d", waitpid(-1, &status, 0) == child);
  say("%s", wait_str(status));
  open_gate(&done);
  pthread_join(t, NULL);
  return 0;
}
