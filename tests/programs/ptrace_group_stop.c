/* A stop signal stops a tracee twice: as a signal, and, passed on, as the stop of its group, which has no siginfo.
   SIGCONT does not end that trap, and what a resume says of signals is nothing to it. */
#include "trace.h"

static void take(int sig) { say("[handler of %s]", signame(sig)); }
static void stop_by(void) {
  on_signal(SIGCONT, take);
  on_signal(SIGUSR1, take);
  kill(getpid(), SIGSTOP);
  say("[on]");
  kill(getpid(), SIGSTOP);
  say("[on again]");
}

int main(void) {
  pid_t pid = start_traced(stop_by);
  cont(pid, 0);
  next_stop("the signal", pid);
  show_info("the signal", pid);
  cont(pid, SIGSTOP);
  next_stop("the group's stop", pid);
  show_info("the group's stop", pid);
  no_news("it is told once", pid);
  kill(pid, SIGCONT);
  say("after SIGCONT it is %c", state_of(pid));
  no_news("but the process runs on", pid);
  cont(pid, SIGUSR1);
  next_stop("a resume shows SIGCONT", pid);
  cont(pid, SIGCONT);
  next_stop("the second signal", pid);
  cont(pid, SIGSTOP);
  next_stop("the group's stop", pid);
  cont(pid, SIGUSR1);
  next_stop("resumed it runs, stopped or not", pid);
  return 0;
}
