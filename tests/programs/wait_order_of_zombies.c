/* Several zombies at once: wait() finds them in the order in which the children were made. */
#include "check.h"

int main(void) {
  struct gate go[5];
  pid_t child[5];
  for (int i = 0; i < 5; i++) {
    go[i] = new_gate();
    CHILD(child[i]) {
      pass_gate(&go[i]);
      _exit(i);
    }
  }
  static const int death[] = { 3, 1, 4, 0, 2 };
  for (int i = 0; i < 5; i++) {
    open_gate(&go[death[i]]);
    wait_state(child[death[i]], "Z");
  }
  int status;
  while (wait(&status) > 0) say("%s", wait_str(status));
  return 0;
}
