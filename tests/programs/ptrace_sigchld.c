/* What SIGCHLD tells a tracer of each stop, and when it does not come: SA_NOCLDSTOP, SIG_IGN. Waiting works all the
   same, and a tracee of one that ignores its children is left for it to wait for. */
#include "trace.h"

static volatile sig_atomic_t seen, code, status_, from;
static void take(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  seen++;
  code = info->si_code;
  status_ = info->si_status;
  from = info->si_pid;
}
static void hear(const char *what, pid_t pid) {
  for (int i = 0; i < 1000 && !seen; i++) sleep_ms(1);
  say("%s: SIGCHLD %d, code %d, status %#x, from %s", what, seen, code, (unsigned)status_, from == pid ? "tracee" : "?");
  seen = 0;
}
static void goes(void) {
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGSTOP);
  _exit(3);
}

int main(void) {
  on_siginfo(SIGCHLD, take, SA_RESTART);
  pid_t pid = start_traced(goes);
  hear("the first stop", pid);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
  cont(pid, 0);
  next_stop("a signal", pid);
  hear("a signal", pid);
  cont(pid, 0);
  next_stop("a stop signal", pid);
  hear("a stop signal", pid);
  cont(pid, SIGSTOP);
  next_stop("the group's stop", pid);
  hear("the group's stop", pid);
  kill(pid, SIGCONT);
  hear("SIGCONT, to the parent", pid);
  cont(pid, 0);
  next_stop("SIGCONT's stop", pid);
  hear("SIGCONT's stop", pid);
  cont(pid, 0);
  next_stop("an event", pid);
  hear("an event", pid);
  cont(pid, 0);
  next_stop("the end", pid);
  hear("the end", pid);

  on_siginfo(SIGCHLD, take, SA_RESTART | SA_NOCLDSTOP);
  pid = start_traced(goes);
  cont(pid, 0);
  next_stop("SA_NOCLDSTOP", pid);
  say("SIGCHLD %d", seen);
  kill(pid, SIGKILL);
  next_stop("the end", pid);
  hear("the end", pid);

  signal(SIGCHLD, SIG_IGN);
  pid = start_traced(goes);
  cont(pid, 0);
  next_stop("SIG_IGN", pid);
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  say("it is %c", state_of(pid));
  next_stop("the end", pid);
  return 0;
}
