/* What the real parent hears of a tracee of somebody else: when its process stops, goes on, and has been reaped by the
   tracer; of its signals and events nothing. */
#include "trace.h"

static volatile sig_atomic_t seen, code, status_;
static void take(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  seen++;
  code = info->si_code;
  status_ = info->si_status;
}
static void hear(const char *what, int expected) {
  for (int i = 0; i < 1000 && seen < expected; i++) sleep_ms(1);
  if (!expected) sleep_ms(20);
  if (seen) say("%s: SIGCHLD %d, code %d, status %d", what, seen, code, status_);
  else say("%s: no SIGCHLD", what);
  seen = 0;
}

int main(void) {
  struct gate go = new_gate(), done = new_gate();
  pid_t pid = start(sleep_for_ever), tracer;
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    open_gate(&done);
    pass_gate(&go);
    cont(pid, 0);
    kill(pid, SIGUSR1);
    pass_stop(pid, SIGUSR1);
    open_gate(&done);
    pass_gate(&go);
    cont(pid, 0);
    kill(pid, SIGSTOP);
    pass_stop(pid, SIGSTOP);
    cont(pid, SIGSTOP);
    pass_stop(pid, SIGSTOP);
    open_gate(&done);
    pass_gate(&go);
    kill(pid, SIGCONT);
    cont(pid, 0);
    pass_stop(pid, SIGCONT);
    open_gate(&done);
    pass_gate(&go);
    cont(pid, 0);
    kill(pid, SIGTERM);
    pass_stop(pid, SIGTERM);
    cont(pid, SIGTERM);
    wait_state(pid, "Z");
    open_gate(&done);
    pass_gate(&go);
    must(waitpid(pid, NULL, 0));
    open_gate(&done);
    pass_gate(&go);
    _exit(0);
  }
  static const struct { const char *what; int expected; } steps[] = {
    { "attach", 0 }, { "a signal", 0 }, { "a stop", 1 }, { "SIGCONT", 1 }, { "the end", 0 }, { "the tracer's wait", 1 },
  };
  pass_gate(&done);
  on_siginfo(SIGCHLD, take, SA_RESTART);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    hear(steps[i].what, steps[i].expected);
    open_gate(&go);
    if (i + 1 < sizeof steps / sizeof *steps) pass_gate(&done);
  }
  signal(SIGCHLD, SIG_DFL);
  say("its end: %s", reap(pid));
  wait_for(tracer);
  return 0;
}
