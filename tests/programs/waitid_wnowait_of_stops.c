/* WNOWAIT leaves stops and continues to be waited for again, as often as one likes. */
#include "check.h"

static pid_t child;
static void look(const char *name, int options) {
  siginfo_t i;
  memset(&i, 0, sizeof i);
  if (waitid(P_PID, (id_t)child, &i, options | WNOHANG) == -1) show(name, -1);
  else say("%s: pid %s code %d status %d", name, i.si_pid == child ? "child" : i.si_pid ? "?" : "0", i.si_code, i.si_status);
}

int main(void) {
  CHILD(child) for (;;) pause();
  look("nothing yet", WSTOPPED | WCONTINUED | WEXITED);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  look("stopped, WNOWAIT", WSTOPPED | WNOWAIT);
  look("stopped, WNOWAIT", WSTOPPED | WNOWAIT);
  look("not asked for", WCONTINUED | WEXITED);
  look("stopped", WSTOPPED);
  look("stopped, taken", WSTOPPED);
  kill(child, SIGCONT);
  wait_asleep(child);
  look("continued, WNOWAIT", WCONTINUED | WNOWAIT);
  look("continued, WNOWAIT", WCONTINUED | WNOWAIT);
  look("continued", WCONTINUED);
  look("continued, taken", WCONTINUED);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  kill(child, SIGCONT);
  wait_asleep(child);
  look("stop that was not waited for", WSTOPPED);
  look("its continue", WCONTINUED | WNOWAIT);
  kill(child, SIGTERM);
  wait_state(child, "Z");
  look("dead: stop or continue", WSTOPPED | WCONTINUED);
  look("dead, WNOWAIT", WEXITED | WNOWAIT);
  look("dead", WEXITED);
  look("reaped", WEXITED);
  return 0;
}
