/* The end of a tracee is its tracer's to hear of first: its parent waits until that one has waited, detached or ended. */
#include "trace.h"

static volatile sig_atomic_t chld;
static void take(int sig) {
  (void)sig;
  chld++;
}
static void run(const char *how, int step) {
  struct gate attached = new_gate(), go = new_gate(), waited = new_gate();
  pid_t pid = start(sleep_for_ever), tracer;
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    cont(pid, 0);
    open_gate(&attached);
    pass_gate(&go);
    wait_state(pid, "Z");
    if (step == 0) say("%s: the tracer sees %s", how, trace_str(wait_trace(pid)));
    if (step == 1) show_ok(how, trace(PTRACE_DETACH, pid, 0, 0));
    if (step == 3) {
      siginfo_t info;
      must(syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT, NULL));
      say("%s: the tracer sees code %d, status %d", how, info.si_code, info.si_status);
    }
    open_gate(&waited);
    if (step == 0) pass_gate(&go);
    _exit(0);
  }
  pass_gate(&attached);
  chld = 0;
  kill(pid, SIGKILL);
  open_gate(&go);
  if (step == 0) {
    pass_gate(&waited);
    for (int i = 0; i < 1000 && !chld; i++) sleep_ms(1);
    say("%s: then its parent hears, %d", how, chld);
    open_gate(&go);
  } else if (step != 2) pass_gate(&waited);
  say("%s: its parent sees %s", how, reap(pid));
  wait_for(tracer);
}
static void sleeps_until_term(void) { sleep_for_ever(); }

int main(void) {
  on_signal(SIGCHLD, take);
  run("wait", 0);
  run("detach cannot be asked of the dead", 1);
  run("the tracer's end", 2);
  run("a look with WNOWAIT", 3);

  /* Before that the parent's wait finds nothing, and hears nothing. */
  struct gate attached = new_gate(), go = new_gate();
  pid_t pid = start(sleeps_until_term), tracer;
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    cont(pid, 0);
    open_gate(&attached);
    pass_gate(&go);
    say("the tracer: %s", trace_str(wait_trace(pid)));
    _exit(0);
  }
  pass_gate(&attached);
  chld = 0;
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  say("a zombie: SIGCHLD %d", chld);
  no_news("its parent's wait", pid);
  open_gate(&go);
  wait_for(tracer);
  say("its parent sees %s", reap(pid));

  /* A parent that ignores its children leaves nothing when the tracer has waited. */
  signal(SIGCHLD, SIG_IGN);
  pid = start(sleeps_until_term);
  CHILD(tracer) {
    signal(SIGCHLD, SIG_DFL);
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    kill(pid, SIGKILL);
    wait_state(pid, "Z");
    say("the tracer: %s", trace_str(wait_trace(pid)));
    say("then it is %c", state_of(pid));
    _exit(0);
  }
  int status;
  while (waitpid(-1, &status, 0) != -1) continue;
  say("its parent: %s", errname(errno));
  return 0;
}
