/* PTRACE_LISTEN leaves a seized tracee in its stop: nobody sees it, nobody may ask it, but it traps anew when something
   happens to the stop of its group, or by INTERRUPT. */
// differs: later kernels know no flag for SEIZE, and give another number to its event
#include "trace.h"

static void take(int sig) { say("[took %s]", signame(sig)); }
static struct gate ready;
static void handle(void) {
  on_signal(SIGCONT, take);
  on_signal(SIGUSR1, take);
  open_gate(&ready);
  sleep_for_ever();
}

int main(void) {
  ready = new_gate();
  pid_t pid = start(handle);
  pass_gate(&ready);
  wait_asleep(pid);
  must(trace(PTRACE_SEIZE, pid, 0, SEIZE_DEVEL));
  show_ok("one that runs", trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGSTOP);
  next_stop("a stop signal", pid);
  show_ok("in another stop", trace(PTRACE_LISTEN, pid, 0, 0));
  cont(pid, SIGSTOP);
  next_stop("the group's stop", pid);
  show_ok("listen", trace(PTRACE_LISTEN, pid, 0, 0));
  say("it is %c", state_of(pid));
  int status;
  say("wait: %d", waitpid(pid, &status, WNOHANG | WUNTRACED));
  show_ok("CONT", trace(PTRACE_CONT, pid, 0, 0));
  show_ok("DETACH", trace(PTRACE_DETACH, pid, 0, 0));
  show_ok("GETEVENTMSG", trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&status));
  show_ok("LISTEN again", trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGUSR1);
  no_news("an ordinary signal", pid);
  show_ok("INTERRUPT", trace(PTRACE_INTERRUPT, pid, 0, 0));
  next_stop("the same stop", pid);
  show_ok("listen", trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGCONT);
  next_stop("SIGCONT", pid);
  show_info("SIGCONT", pid);
  cont(pid, 0);
  for (int i = 0; i < 2; i++) {
    status = wait_trace(pid);
    say("then: %s", trace_str(status));
    cont(pid, WSTOPSIG(status));
  }
  wait_asleep(pid);
  kill(pid, SIGSTOP);
  next_stop("a stop signal", pid);
  cont(pid, SIGSTOP);
  wait_state(pid, "t");
  show_ok("listen before its stop is told", trace(PTRACE_LISTEN, pid, 0, 0));
  no_news("it is as if it ran", pid);
  must(trace(PTRACE_INTERRUPT, pid, 0, 0));
  next_stop("then", pid);
  must(trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGKILL);
  next_stop("SIGKILL", pid);

  /* What it says of its stop does not make it a seized one. */
  pid = start_traced(sleep_for_ever);
  siginfo_t info = {.si_signo = SIGTRAP, .si_code = SIGTRAP | EVENT_STOP_OF_3_2 << 8};
  show_ok("a stop made to look like it", trace(PTRACE_SETSIGINFO, pid, 0, (unsigned long)&info));
  show_ok("LISTEN", trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGKILL);
  next_stop("SIGKILL", pid);
  return 0;
}
