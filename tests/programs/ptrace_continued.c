/* That a process has been continued is told once, to whoever asks first, its tracer or its parent; a stop comes first. */
#include "trace.h"

static void wait_cont(const char *who, pid_t pid) {
  int status = 0, r = waitpid(pid, &status, WCONTINUED | WNOHANG);
  say("%s: %s", who, r > 0 ? trace_str(status) : r == 0 ? "nothing" : errname(errno));
}
int main(void) {
  for (int tracer_first = 0; tracer_first < 2; tracer_first++) {
    struct gate go = new_gate(), done = new_gate();
    pid_t pid = start(sleep_for_ever), tracer;
    CHILD(tracer) {
      must(trace(PTRACE_ATTACH, pid, 0, 0));
      pass_stop(pid, SIGSTOP);
      cont(pid, SIGSTOP);
      pass_stop(pid, SIGSTOP);
      kill(pid, SIGCONT);
      cont(pid, 0);
      wait_state(pid, "t");
      if (!tracer_first) {
        open_gate(&done);
        pass_gate(&go);
      }
      wait_cont("the tracer", pid);
      wait_cont("the tracer", pid);
      if (tracer_first) {
        open_gate(&done);
        pass_gate(&go);
      }
      _exit(0);
    }
    pass_gate(&done);
    wait_cont("the parent", pid);
    open_gate(&go);
    wait_for(tracer);
    kill(pid, SIGKILL);
    say("the end: %s", reap(pid));
  }
  return 0;
}
