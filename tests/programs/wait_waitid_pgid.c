/* waitid() by process group, and wait()'s answers while several groups and states are about. */
#include "check.h"

static void event(const char *what, idtype_t type, pid_t id, int options, pid_t a, pid_t b) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int r = waitid(type, (id_t)id, &info, options);
  if (r == -1) show(what, r);
  else say("%s: %s code %d status %d", what, info.si_pid == a ? "a" : info.si_pid == b ? "b" : "nobody", info.si_code, info.si_status);
}

int main(void) {
  pid_t a, b;
  CHILD(a) for (;;) pause();
  CHILD(b) for (;;) pause();
  must(setpgid(a, a));
  must(setpgid(b, a));
  kill(-a, SIGSTOP);
  wait_state(a, "T");
  wait_state(b, "T");
  event("group, stopped", P_PGID, a, WSTOPPED, a, b);
  event("group, stopped", P_PGID, a, WSTOPPED, a, b);
  event("group, stopped", P_PGID, a, WSTOPPED | WNOHANG, a, b);
  must(setpgid(b, b));
  event("group without b, exited", P_PGID, a, WEXITED | WNOHANG, a, b);
  kill(b, SIGKILL);
  event("b's group", P_PGID, b, WEXITED, a, b);
  event("b's group is gone", P_PGID, b, WEXITED, a, b);
  kill(a, SIGCONT);
  event("any, continued or exited", P_ALL, 0, WCONTINUED | WEXITED, a, b);
  kill(a, SIGTERM);
  event("any", P_ALL, 0, WCONTINUED | WEXITED, a, b);
  event("any", P_ALL, 0, WEXITED, a, b);
  return 0;
}
