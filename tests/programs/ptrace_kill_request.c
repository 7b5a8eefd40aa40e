/* PTRACE_KILL is a resume with SIGKILL: deadly in a signal's stop, nothing in others. */
// differs: later it is a kill(2)
#include "trace.h"

static void forks(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  wait_for(pid);
  _exit(13);
}
static void stops(void) {
  kill(getpid(), SIGSTOP);
  _exit(12);
}
int main(void) {
  pid_t pid = start_traced(stops);
  show_ok("a signal's stop", trace(PTRACE_KILL, pid, 0, 0));
  next_stop("the end", pid);
  pid = start_traced(stops);
  cont(pid, 0);
  pass_stop(pid, SIGSTOP);
  cont(pid, SIGSTOP);
  pass_stop(pid, SIGSTOP);
  show_ok("the stop of its group", trace(PTRACE_KILL, pid, 0, 0));
  next_stop("the end", pid);
  pid = start_traced(forks);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK));
  cont(pid, 0);
  pass_stop(pid, SIGTRAP);
  pid_t child = (pid_t)message(pid);
  show_ok("an event's stop", trace(PTRACE_KILL, pid, 0, 0));
  pass_stop(child, SIGSTOP);
  must(trace(PTRACE_DETACH, child, 0, 0));
  next_stop("goes on", pid);
  cont(pid, 0);
  next_stop("to its end", pid);
  show_ok("the stop of an exit", trace(PTRACE_KILL, pid, 0, 0));
  next_stop("the end", pid);
  pid = start_traced(sleep_for_ever);
  cont(pid, 0);
  wait_asleep(pid);
  show_ok("no stop", trace(PTRACE_KILL, pid, 0, 0));
  sleep_ms(10);
  say("it is %c", state_of(pid));
  kill(pid, SIGUSR1);
  next_stop("the next signal does not know of it", pid);
  kill(pid, SIGKILL);
  wait_trace(pid);
  return 0;
}
