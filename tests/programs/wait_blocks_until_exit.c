/* A wait() that has to sleep: for a child's end, in one thread or two, and past children that are not asked for. */
#include "check.h"

static pid_t slow;
static void *waiter(void *arg) {
  int status;
  pid_t got = waitpid(slow, &status, 0);
  say("thread: got it: %d, %s", got == slow, wait_str(status));
  return arg;
}

int main(void) {
  struct gate go = new_gate(), never = new_gate();
  pid_t other;
  CHILD(other) {
    pass_gate(&never);
    _exit(1);
  }
  CHILD(slow) {
    pass_gate(&go);
    _exit(2);
  }
  pthread_t t;
  pthread_create(&t, NULL, waiter, NULL);
  sleep_ms(10);
  open_gate(&go);
  pthread_join(t, NULL);
  show("already taken", waitpid(slow, NULL, 0));
  open_gate(&never);
  say("any: %s", reap(other));
  return 0;
}
