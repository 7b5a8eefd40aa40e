/* kill(-1) reaches every process but the sender and process 1; kill(0) the group; kill(-group) another group. */
#include "check.h"

static volatile int hits;
static void handler(int sig) {
  (void)sig;
  hits++;
}

int main(void) {
  must_be_contained();
  must(setpgid(0, 0));
  struct gate ready = new_gate();
  pid_t child[4];
  on_signal(SIGUSR1, handler);
  for (int i = 0; i < 4; i++) {
    CHILD(child[i]) {
      if (i == 1 || i == 2) setpgid(0, 0);
      if (i == 3) setsid();
      on_signal(SIGUSR1, SIG_DFL);
      open_gate(&ready);
      for (;;) pause();
    }
    pass_gate(&ready);
  }
  show("kill(0)", kill(0, SIGUSR1));
  say("child of the group: %s, we: %d", reap(child[0]), hits);
  show("kill(-group)", kill(-child[1], SIGTERM));
  say("its member: %s", reap(child[1]));
  show("kill(-1)", kill(-1, SIGUSR1));
  say("the others: %s", reap(child[2]));
  say("the others: %s", reap(child[3]));
  say("we: %d", hits);
  return 0;
}
