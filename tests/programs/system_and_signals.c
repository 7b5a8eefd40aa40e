/* system(): with SIGCHLD ignored it cannot tell the status; it ignores INT and QUIT in us, not in the command. */
#include "check.h"

static volatile int chld, intr;
static void on_chld(int sig) {
  (void)sig;
  chld++;
}
static void on_int(int sig) {
  (void)sig;
  intr++;
}

int main(void) {
  on_signal(SIGCHLD, on_chld);
  on_signal(SIGINT, on_int);
  say("plain: %s", wait_str(system("exit 3")));
  say("our SIGCHLD handler ran: %d", chld > 0);
  pid_t other;
  CHILD(other) _exit(9);
  wait_state(other, "Z");
  say("it waits for its own child only: %s", wait_str(system("exit 4")));
  say("the other one: %s", reap(other));
  say("INT to us meanwhile: %s", wait_str(system("kill -INT $PPID; exit 5")));
  say("our handler ran: %d", intr);
  say("INT to the command: %s", wait_str(system("kill -INT $$; exit 6")));
  say("command not found: %s", wait_str(system("no-such-command-here 2>/dev/null")));
  on_signal(SIGCHLD, SIG_IGN);
  show("SIGCHLD ignored", system("exit 7"));
  on_signal(SIGCHLD, SIG_DFL);
  say("default: %s", wait_str(system("kill -KILL $$")));
  return 0;
}
