/* A handler ends FUTEX_WAIT with EINTR; with SA_RESTART one without a time-out goes on waiting; a stop is not noticed. */
#include "check.h"

static int word;
static void handler(int sig) { (void)sig; }

int main(void) {
  pid_t me = getpid(), child;
  struct timespec day = { 86400, 0 };
  int *shared = shared_memory(4096);
  for (int restart = 0; restart < 2; restart++) {
    on_signal_flags(SIGUSR1, handler, restart ? SA_RESTART : 0);
    say(restart ? "SA_RESTART" : "plain");
    for (int timeout = 0; timeout < 2; timeout++) {
      *shared = 0;
      CHILD(child) {
        wait_asleep(me);
        kill(me, SIGUSR1);
        sleep_ms(3);
        wait_asleep(me);
        *shared = 1;
        futex(shared, F_WAKE, 1, NULL);
        _exit(0);
      }
      show(timeout ? "with a time-out" : "without", futex(shared, F_WAIT, 0, timeout ? &day : NULL));
      wait_for(child);
    }
  }
  CHILD(child) {
    struct timespec t = { 0, 30000000 };
    show("private, stopped meanwhile", futex(&word, F_WAIT | F_PRIVATE, 0, &t));
    _exit(0);
  }
  wait_asleep(child);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  kill(child, SIGCONT);
  wait_for(child);
  CHILD(child) {
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    struct timespec t = { 0, 1000000 };
    show("a blocked signal does not end it", futex(&word, F_WAIT, 0, &t));
    _exit(0);
  }
  wait_for(child);
  return 0;
}
