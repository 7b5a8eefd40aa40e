/* PTRACE_DETACH with a signal: it is delivered from a signal's stop, and nothing to all others. */
#include "trace.h"

static void take(int sig) { say("[took %s]", signame(sig)); }
static void signals(void) {
  on_signal(SIGUSR1, take);
  on_signal(SIGUSR2, take);
  kill(getpid(), SIGUSR1);
  _exit(11);
}
static void stops(void) {
  on_signal(SIGUSR2, take);
  kill(getpid(), SIGSTOP);
  _exit(12);
}
static void forks(void) {
  on_signal(SIGUSR2, take);
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  wait_for(pid);
  _exit(13);
}
static void detach(const char *what, pid_t pid, unsigned long sig) {
  char text[80];
  snprintf(text, sizeof text, "%s: detach with %s", what, signame((int)sig));
  show_ok(text, trace(PTRACE_DETACH, pid, 0, sig));
}

int main(void) {
  pid_t pid = start_traced(signals);
  cont(pid, 0);
  next_stop("a signal", pid);
  detach("with none", pid, 0);
  next_stop("the end", pid);
  pid = start_traced(signals);
  cont(pid, 0);
  pass_stop(pid, SIGUSR1);
  show_ok("a signal that there is not", trace(PTRACE_DETACH, pid, 0, 65));
  detach("the same", pid, SIGUSR1);
  next_stop("the end", pid);
  pid = start_traced(signals);
  cont(pid, 0);
  pass_stop(pid, SIGUSR1);
  detach("another one", pid, SIGUSR2);
  next_stop("the end", pid);
  pid = start_traced(signals);
  cont(pid, 0);
  pass_stop(pid, SIGUSR1);
  detach("a deadly one", pid, SIGKILL);
  next_stop("the end", pid);

  pid = start_traced(stops);
  cont(pid, 0);
  pass_stop(pid, SIGSTOP);
  cont(pid, SIGSTOP);
  pass_stop(pid, SIGSTOP);
  detach("the stop of its group", pid, SIGUSR2);
  wait_state(pid, "T");
  say("it is %c", state_of(pid));
  kill(pid, SIGCONT);
  next_stop("the end", pid);
  pid = start_traced(stops);
  cont(pid, 0);
  pass_stop(pid, SIGSTOP);
  detach("a stop signal", pid, SIGSTOP);
  wait_state(pid, "T");
  int status;
  must(waitpid(pid, &status, WUNTRACED));
  say("its parent sees: %s", trace_str(status));
  kill(pid, SIGCONT);
  next_stop("the end", pid);

  pid = start_traced(forks);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  cont(pid, 0);
  pass_stop(pid, SIGTRAP);
  pid_t child = (pid_t)message(pid);
  detach("an event", pid, SIGUSR2);
  next_stop("the child is still traced", child);
  detach("the first stop of a child", child, SIGTERM);
  next_stop("the end", pid);
  no_news("the child is nobody of ours", child);
  return 0;
}
