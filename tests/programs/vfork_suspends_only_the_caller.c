/* vfork() suspends the thread that called it; the others of its process go on. */
#include "check.h"

static struct gate go, back;
static void *other(void *arg) {
  pass_gate(&go);
  open_gate(&back);
  return arg;
}

int main(void) {
  go = new_gate();
  back = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, other, NULL);
  pid_t child = vfork();
  if (child == 0) {
    open_gate(&go);
    pass_gate(&back); /* only the other thread can open it */
    _exit(5);
  }
  say("%s", reap(child));
  pthread_join(t, NULL);
  return 0;
}
