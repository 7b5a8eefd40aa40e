/* Whom one may not attach to, and in which order ptrace(2) refuses. */
// differs: 3.2's PTRACE_SEIZE wants a flag before it looks at anything else of its victim; it is EIO otherwise
#include "trace.h"

static void attach(const char *whom, pid_t pid) {
  char what[80];
  snprintf(what, sizeof what, "attach to %s", whom);
  show_ok(what, trace(PTRACE_ATTACH, pid, 0, 0));
  snprintf(what, sizeof what, "seize %s without the flag", whom);
  show_ok(what, trace(PTRACE_SEIZE, pid, 0, 0));
  snprintf(what, sizeof what, "seize %s", whom);
  show_ok(what, trace(PTRACE_SEIZE, pid, 0, SEIZE_DEVEL));
}

int main(void) {
  attach("oneself", getpid());
  struct idle_thread idle;
  begin_idle(&idle);
  attach("a thread of one's own", idle.tid);
  end_idle(&idle);
  attach("nobody", 4000000);
  attach("number 0", 0);
  attach("a negative number", -1);

  pid_t zombie = start(sleep_for_ever);
  kill(zombie, SIGKILL);
  wait_state(zombie, "Z");
  attach("a zombie", zombie);
  say("its end: %s", trace_str(wait_trace(zombie)));

  pid_t tracee = start_traced(sleep_for_ever);
  attach("one's own tracee", tracee);
  pid_t other;
  CHILD(other) {
    attach("another one's tracee", tracee);
    _exit(0);
  }
  wait_for(other);
  kill(tracee, SIGKILL);
  say("its end: %s", trace_str(wait_trace(tracee)));
  return 0;
}
