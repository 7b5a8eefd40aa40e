/* Death signals along a chain: the end of one kills its child, whose end kills the next. */
#include "check.h"

int main(void) {
  volatile pid_t *pid = shared_memory(4096);
  struct gate ready = new_gate();
  pid_t first;
  CHILD(first) {
    for (int i = 1; i < 6; i++) {
      pid_t next;
      CHILD(next) {
        must(prctl(PR_SET_PDEATHSIG, SIGKILL));
        pid[i] = getpid();
        continue;
      }
      for (;;) pause();
    }
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  kill(first, SIGTERM);
  say("%s", reap(first));
  for (int i = 1; i < 6; i++)
    for (int n = 0; n < 2000 && kill(pid[i], 0) == 0; n++) sleep_ms(1);
  int alive = 0;
  for (int i = 1; i < 6; i++) alive += kill(pid[i], 0) == 0;
  say("alive: %d", alive);
  return 0;
}
