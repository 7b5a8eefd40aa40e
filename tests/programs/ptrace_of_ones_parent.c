/* A child traces its parent: that one waits for it as before, and is stopped in the middle of it. Two may trace each other. */
#include "trace.h"

int main(void) {
  block(SIGCHLD); /* else we would be shown the child's stops, by the child */
  struct gate go = new_gate(), seen = new_gate();
  pid_t pid;
  CHILD(pid) {
    pid_t parent = getppid();
    show_ok("attach to the parent", trace(PTRACE_ATTACH, parent, 0, 0));
    next_stop("the parent", parent);
    say("state %c, tracer %s", state_of(parent), tracer_of(parent));
    cont(parent, 0);
    open_gate(&go);
    pass_gate(&seen);
    /* Now the parent traces us as well, and lets us run. */
    say("each other's: %d", (int)status_number(getpid(), "\nTracerPid:") == parent);
    kill(parent, SIGWINCH);
    next_stop("the parent", parent);
    cont(parent, 0);
    _exit(5);
  }
  pass_gate(&go);
  show_ok("attach to the child", trace(PTRACE_ATTACH, pid, 0, 0));
  next_stop("the child", pid);
  cont(pid, 0);
  open_gate(&seen);
  next_stop("the child's end", pid);
  say("the parent is free: tracer %ld", status_number(getpid(), "\nTracerPid:"));
  return 0;
}
