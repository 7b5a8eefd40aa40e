/* A zombie whose parent ends is reaped by process 1 at once. */
#include "check.h"

int main(void) {
  pid_t *grandchild = shared_memory(4096), child;
  CHILD(child) {
    pid_t made;
    CHILD(made) _exit(1);
    *grandchild = made;
    wait_state(made, "Z");
    _exit(0);
  }
  say("%s", reap(child));
  for (int i = 0; i < 1000 && kill(*grandchild, 0) == 0; i++) sleep_ms(1);
  show("the grandchild", kill(*grandchild, 0));
  return 0;
}
