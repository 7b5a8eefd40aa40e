/* vfork(): parent and child share memory, and the parent stands still meanwhile. */
#include "check.h"

static volatile int value = 1;

int main(void) {
  volatile int local = 1;
  pid_t child = vfork();
  if (child == 0) {
    value = 2;
    local = 2;
    _exit(4);
  }
  say("value %d, local %d", value, local);
  say("%s", reap(child));
  return 0;
}
