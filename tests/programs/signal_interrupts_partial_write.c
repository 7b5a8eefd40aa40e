/* A blocked write to a pipe that a signal interrupts tells what it has written; the rest of a read is not waited for. */
#include "check.h"

static void handler(int sig) { (void)sig; }

int main(void) {
  int p[2];
  must(pipe(p));
  static char big[200000];
  pid_t me = getpid(), child;
  for (int restart = 0; restart < 2; restart++) {
    on_signal_flags(SIGUSR1, handler, restart ? SA_RESTART : 0);
    CHILD(child) {
      wait_asleep(me);
      kill(me, SIGUSR1);
      _exit(0);
    }
    show("write", write(p[1], big, sizeof big));
    wait_for(child);
    CHILD(child) {
      wait_asleep(me);
      kill(me, SIGUSR1);
      wait_asleep(me);
      if (restart) {
        char c[8192];
        sleep_ms(2);
        must(read(p[0], c, sizeof c));
      }
      _exit(0);
    }
    show("write to a full pipe", write(p[1], big, 10));
    wait_for(child);
    int left = 0;
    must(fcntl(p[0], F_SETFL, O_NONBLOCK));
    for (ssize_t n; (n = read(p[0], big, sizeof big)) > 0;) left += (int)n;
    must(fcntl(p[0], F_SETFL, 0));
    say("in the pipe: %d", left);
  }
  return 0;
}
