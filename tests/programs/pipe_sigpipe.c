/* Writing without a reader: SIGPIPE, or EPIPE when that is ignored, handled or blocked. */
#include "check.h"

static volatile int handled;
static void handler(int sig) {
  (void)sig;
  handled++;
}

int main(void) {
  int p[2];
  must(pipe(p));
  close(p[0]);
  pid_t child;
  CHILD(child) {
    must(write(p[1], "x", 1));
    _exit(0);
  }
  say("default: %s", reap(child));
  on_signal(SIGPIPE, SIG_IGN);
  show("ignored", write(p[1], "x", 1));
  show("ignored, nothing to write", write(p[1], "x", 0));
  on_signal(SIGPIPE, handler);
  show("handled", write(p[1], "x", 1));
  say("handled %d", handled);
  block(SIGPIPE);
  show("blocked", write(p[1], "x", 1));
  say("pending %d", is_pending(SIGPIPE));
  unblock(SIGPIPE);
  say("handled %d", handled);
  /* The reader goes away while the writer sleeps. */
  must(pipe(p));
  static char big[100000];
  CHILD(child) {
    close(p[1]);
    wait_asleep(getppid());
    _exit(0);
  }
  close(p[0]);
  show("partly written", write(p[1], big, sizeof big));
  wait_for(child);
  say("handled %d", handled);
  return 0;
}
