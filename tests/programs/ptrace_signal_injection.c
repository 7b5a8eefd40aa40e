/* What a tracer may make of a signal: nothing, itself, another one, which then comes from the tracer; one that the tracee
   blocks waits and is shown again. Ignored signals are shown as well. */
#include "trace.h"

static void take(int sig, siginfo_t *info, void *context) {
  (void)context;
  say("[%s, code %d, from %s, value %d]", signame(sig), info->si_code,
      relation(info->si_pid, getpid(), getppid(), -1), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
}
static void signals(void) {
  on_siginfo(SIGUSR1, take, 0);
  on_siginfo(SIGUSR2, take, 0);
  block(SIGUSR2);
  union sigval value = { .sival_int = 7 };
  for (int i = 0; i < 4; i++) sigqueue(getpid(), SIGUSR1, value);
  say("[pending USR2: %d]", is_pending(SIGUSR2));
  unblock(SIGUSR2);
  say("[unblocked]");
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  kill(getpid(), SIGCHLD);
  kill(getpid(), SIGPIPE);
  kill(getpid(), SIGPIPE);
  say("[the last]");
}

int main(void) {
  pid_t pid = start_traced(signals);
  cont(pid, 0);
  next_stop("passed", pid);
  show_info("passed", pid);
  cont(pid, SIGUSR1);
  next_stop("dropped", pid);
  cont(pid, 0);
  next_stop("replaced by an ignored one", pid);
  cont(pid, SIGCHLD);
  next_stop("replaced by a blocked one", pid);
  cont(pid, SIGUSR2);
  next_stop("that one, unblocked", pid);
  show_info("that one, unblocked", pid);
  cont(pid, SIGUSR2);
  next_stop("what nobody wants", pid);
  cont(pid, SIGCHLD);
  next_stop("what is ignored", pid);
  cont(pid, SIGPIPE);
  next_stop("what is ignored", pid);
  show_ok("a signal that there is not", trace(PTRACE_CONT, pid, 0, 65));
  show_ok("a negative one", trace(PTRACE_CONT, pid, 0, -1ul));
  cont(pid, SIGTERM);
  next_stop("replaced by a deadly one", pid);

  pid = start_traced(signals);
  cont(pid, 0);
  pass_stop(pid, SIGUSR1);
  cont(pid, SIGSTOP);
  next_stop("replaced by a stop signal", pid);
  show_info("replaced by a stop signal", pid);
  cont(pid, SIGUSR2);
  next_stop("and the next one", pid);
  kill(pid, SIGKILL);
  wait_trace(pid);
  return 0;
}
