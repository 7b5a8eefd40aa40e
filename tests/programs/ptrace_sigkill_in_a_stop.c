/* SIGKILL ends each kind of stop, the leader's and a thread's; requests then find nobody who has stopped. */
#include "trace.h"

static int *tids;
static int idle(void *arg) {
  (void)arg;
  tids[0] = gettid_();
  sleep_for_ever();
  return 0;
}
static void threads(void) {
  start_thread(idle, NULL);
  while (!((volatile int *)tids)[0]) sched_yield();
  kill(getpid(), SIGSTOP);
  kill(getpid(), SIGUSR1);
}
static void killed(const char *what, pid_t pid) {
  say("%s: it is %c", what, state_of(pid));
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  show_ok("a request", trace(PTRACE_CONT, pid, 0, 0));
  next_stop("the end", pid);
}
int main(void) {
  tids = shared_memory(4096);
  pid_t pid = start_traced(threads);
  killed("the first stop", pid);
  pid = start_traced(threads);
  cont(pid, 0);
  pass_stop(pid, SIGSTOP);
  cont(pid, SIGSTOP);
  pass_stop(pid, SIGSTOP);
  killed("the stop of its group", pid);
  tids[0] = 0;
  pid = start_traced(threads);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
  cont(pid, 0);
  pass_stop(pid, SIGTRAP);
  pid_t tid = (pid_t)message(pid);
  pass_stop(tid, SIGSTOP);
  say("an event, and a thread: %c%c", state_of(pid), state_of(tid));
  tgkill_(pid, tid, SIGKILL);
  next_stop("the thread", tid);
  next_stop("the leader", pid);
  return 0;
}
