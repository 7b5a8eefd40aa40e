/* Of several tracees that stopped, a wait for any tells the one attached last; a dead child comes before them all. */
// differs: later kernels keep their tracees in the other order, and look at them before the dead
#include "trace.h"

int main(void) {
  pid_t pid[3];
  for (int i = 0; i < 3; i++) pid[i] = start(sleep_for_ever);
  for (int i = 0; i < 3; i++) must(trace(PTRACE_ATTACH, pid[i], 0, 0));
  for (int i = 0; i < 3; i++) wait_state(pid[i], "t");
  pid_t dead = start(sleep_for_ever);
  kill(dead, SIGKILL);
  wait_state(dead, "Z");
  for (int n = 0; n < 4; n++) {
    int status;
    pid_t r = (pid_t)must(waitpid(-1, &status, 0));
    const char *who = r == dead ? "the dead one" : "?";
    for (int i = 0; i < 3; i++)
      if (r == pid[i]) who = &"0\0" "1\0" "2"[2 * i];
    say("%s: %s", who, trace_str(status));
  }
  for (int i = 0; i < 3; i++) {
    kill(pid[i], SIGKILL);
    wait_trace(pid[i]);
  }
  return 0;
}
