/* A traced thread that takes a stop signal stops nobody before its tracer has passed it on; another stop signal may stop
   the process meanwhile, and a stop within a stop that still stands is no news to the parent. */
#include "trace.h"

int main(void) {
  pid_t tracer, pid = start(sleep_for_ever);
  wait_asleep(pid);
  struct gate go = new_gate(), done = new_gate();
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    cont(pid, 0);
    open_gate(&done);
    pass_gate(&go);
    next_stop("the tracer sees the signal", pid);
    open_gate(&done);
    pass_gate(&go);
    cont(pid, SIGSTOP);
    next_stop("then the stop", pid);
    open_gate(&done);
    pass_gate(&go);
    cont(pid, 0);
    wait_asleep(pid);
    kill(pid, SIGSTOP);
    next_stop("a signal within the stop", pid);
    cont(pid, SIGSTOP);
    next_stop("and its stop", pid);
    open_gate(&done);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&done);
  kill(pid, SIGSTOP);
  open_gate(&go);
  pass_gate(&done);
  no_news("to the parent", pid);
  open_gate(&go);
  pass_gate(&done);
  no_news("to the parent", pid);
  no_news("told once", pid);
  open_gate(&go);
  pass_gate(&done);
  no_news("to the parent a second stop", pid);
  say("it is %c", state_of(pid));
  open_gate(&go);
  wait_for(tracer);
  wait_state(pid, "T");
  say("after the tracer's end it is %c", state_of(pid));
  kill(pid, SIGKILL);
  say("the end: %s", reap(pid));
  return 0;
}
