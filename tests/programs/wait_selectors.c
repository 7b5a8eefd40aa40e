/* Waiting by PID, by process group, for the own group, and for anybody: oldest child first. */
#include "check.h"

static pid_t made(int code, int own_group) {
  struct gate ready = new_gate();
  pid_t child;
  CHILD(child) {
    if (own_group) setpgid(0, 0);
    open_gate(&ready);
    _exit(code);
  }
  pass_gate(&ready);
  wait_state(child, "Z");
  close(ready.fd[0]);
  close(ready.fd[1]);
  return child;
}
static void report(const char *what, pid_t got, int status) {
  if (got == -1) say("%s: %s", what, errname(errno));
  else say("%s: %s", what, wait_str(status));
}

int main(void) {
  own_session();
  int status;
  pid_t got;
  pid_t a = made(1, 0), b = made(2, 0), c = made(3, 1), d = made(4, 1), e = made(5, 0);
  got = waitpid(b, &status, 0), report("by PID", got, status);
  got = waitpid(-c, &status, 0), report("by group", got, status);
  got = waitpid(-c, &status, 0), report("that group is empty", got, status);
  got = waitpid(0, &status, 0), report("own group, oldest", got, status);
  got = waitpid(-1, &status, 0), report("any, oldest", got, status);
  got = waitpid(0, &status, 0), report("own group", got, status);
  got = waitpid(-1, &status, 0), report("nobody", got, status);
  say("PIDs rose: %d", a < b && b < c && c < d && d < e);
  return 0;
}
