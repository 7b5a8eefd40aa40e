/* SIGCONT cancels a SIGSTOP that its tracer is being shown: passed on then, it stops nothing. A SIGKILL is not shown. */
#include "trace.h"

static void stop_once(void) {
  kill(getpid(), SIGSTOP);
  say("[on]");
}

int main(void) {
  pid_t pid = start_traced(stop_once);
  cont(pid, 0);
  next_stop("the signal", pid);
  kill(pid, SIGCONT);
  cont(pid, SIGSTOP);
  next_stop("no stop", pid);
  cont(pid, SIGCONT);
  next_stop("the end", pid);

  pid = start_traced(stop_once);
  cont(pid, 0);
  next_stop("the signal", pid);
  kill(pid, SIGTERM);
  kill(pid, SIGKILL);
  next_stop("SIGKILL", pid);

  pid = start_traced(sleep_for_ever);
  show_ok("a tracer passes SIGKILL", trace(PTRACE_CONT, pid, 0, SIGKILL));
  next_stop("the end", pid);
  return 0;
}
