/* A tracee whose real parent ends stays its tracer's: init adopts it, and reaps it after the tracer. */
#include "trace.h"

int main(void) {
  struct gate told = new_gate(), attached = new_gate();
  int *number = shared_memory(4096);
  pid_t parent;
  CHILD(parent) {
    pid_t pid = start(sleep_for_ever);
    *number = pid;
    open_gate(&told);
    pass_gate(&attached);
    _exit(0);
  }
  pass_gate(&told);
  pid_t pid = *number;
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  open_gate(&attached);
  wait_for(parent);
  say("parent %ld, tracer %s, state %c", status_number(pid, "\nPPid:"), tracer_of(pid), state_of(pid));
  cont(pid, 0);
  kill(pid, SIGUSR1);
  next_stop("it is still traced", pid);
  kill(pid, SIGKILL);
  next_stop("its end", pid);
  for (int i = 0; i < 1000 && state_of(pid) != '-'; i++) sleep_ms(1);
  say("then it is %c", state_of(pid));
  return 0;
}
