/* Attach to a stopped process: it traps at once, without a siginfo; the signal of the attach itself comes after that.
   The process is stopped for its parent as before, and stops again when it is left alone. */
// differs: the SIGSTOP of an attach comes from user 0's process 0 in 3.2, later from the kernel
#include "trace.h"

int main(void) {
  pid_t pid = start(sleep_for_ever);
  kill(pid, SIGSTOP);
  int status;
  must(waitpid(pid, &status, WUNTRACED));
  say("its parent sees: %s", trace_str(status));

  must(trace(PTRACE_ATTACH, pid, 0, 0));
  say("after attach it is %c", state_of(pid));
  next_stop("the first stop", pid);
  show_info("the first stop", pid);
  show_ok("resume with a signal", trace(PTRACE_CONT, pid, 0, SIGUSR1));
  next_stop("the next stop", pid);
  show_info("the next stop", pid);
  show_ok("without that signal it runs, though the process is stopped", trace(PTRACE_CONT, pid, 0, 0));
  wait_asleep(pid);
  kill(pid, SIGUSR2);
  next_stop("it takes signals", pid);
  show_ok("detach without the signal", trace(PTRACE_DETACH, pid, 0, 0));
  wait_state(pid, "T");
  say("now it is %c", state_of(pid));
  no_news("the parent was told already", pid);
  kill(pid, SIGCONT);
  must(waitpid(pid, &status, WCONTINUED));
  say("its parent sees: %s", trace_str(status));
  wait_asleep(pid);
  kill(pid, SIGKILL);
  say("its end: %s", trace_str(wait_trace(pid)));
  return 0;
}
