/* waitid(): the siginfo of each event; WNOWAIT leaves it to be found again. */
#include "check.h"

static void event(const char *what, pid_t child, int options) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int r = waitid(P_PID, (id_t)child, &info, options);
  if (r == -1) {
    show(what, r);
    return;
  }
  say("%s: signo %d code %d pid %d uid %d status %d", what, info.si_signo, info.si_code, info.si_pid == child,
      info.si_uid == getuid(), info.si_status);
}

int main(void) {
  pid_t child;
  CHILD(child) _exit(300);
  event("exit, WNOWAIT", child, WEXITED | WNOWAIT);
  event("again", child, WEXITED | WNOWAIT | WNOHANG);
  event("taken", child, WEXITED);
  event("gone", child, WEXITED);
  CHILD(child) for (;;) pause();
  kill(child, SIGSTOP);
  event("stop, WNOWAIT", child, WSTOPPED | WNOWAIT);
  event("stop", child, WSTOPPED);
  event("reported once", child, WSTOPPED | WNOHANG);
  kill(child, SIGCONT);
  event("continued, WNOWAIT", child, WCONTINUED | WNOWAIT);
  event("continued", child, WCONTINUED);
  event("reported once", child, WCONTINUED | WNOHANG);
  event("not exited", child, WEXITED | WNOHANG);
  kill(child, SIGTERM);
  wait_state(child, "Z");
  event("exit is not asked for", child, WSTOPPED | WNOHANG);
  event("killed", child, WEXITED);
  return 0;
}
