/* Stopping and continuing a child, each told once by wait; SIGKILL works on a stopped one; other signals wait. */
#include "check.h"

static pid_t child;
static void event(const char *what, int options) {
  int status;
  pid_t r = waitpid(child, &status, options);
  if (r == child) say("%s: %s", what, wait_str(status));
  else show(what, r);
}
static void handler(int sig) { say("  child handles %d", sig); }

int main(void) {
  CHILD(child) {
    on_signal(SIGTERM, handler);
    for (;;) pause();
  }
  wait_asleep(child);
  kill(child, SIGSTOP);
  event("stopped", WUNTRACED);
  event("once only", WUNTRACED | WNOHANG);
  say("state %c", state_of(child));
  kill(child, SIGTERM);
  sleep_ms(5);
  say("still %c", state_of(child));
  kill(child, SIGSTOP);
  event("stopped again: no news", WUNTRACED | WNOHANG);
  kill(child, SIGCONT);
  wait_asleep(child);
  event("continued", WCONTINUED);
  event("once only", WCONTINUED | WNOHANG);
  wait_asleep(child);
  kill(child, SIGCONT);
  event("SIGCONT to a running one: no news", WCONTINUED | WNOHANG);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  event("not asked for", WNOHANG);
  kill(child, SIGCONT);
  wait_asleep(child);
  event("the stop is forgotten", WUNTRACED | WNOHANG);
  event("the continue is there", WCONTINUED | WNOHANG);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  kill(child, SIGKILL);
  event("killed while stopped", WUNTRACED);
  return 0;
}
