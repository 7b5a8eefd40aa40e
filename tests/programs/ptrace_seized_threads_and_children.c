/* A child of a seized tracee is seized: its first stop is an event, not SIGSTOP. A stop of the group reaches seized threads
   at once, by the same event. */
// differs: later kernels know no flag for SEIZE, and give another number to its event
#include "trace.h"

static int *tids;
static struct gate go;
static int idle(void *arg) {
  (void)arg;
  tids[0] = gettid_();
  sleep_for_ever();
  return 0;
}
static void forks(void) {
  start_thread(idle, NULL);
  pass_gate(&go);
  pid_t pid = fork();
  if (pid == 0) _exit(3);
  wait_for(pid);
  sleep_for_ever();
}

int main(void) {
  go = new_gate();
  tids = shared_memory(4096);
  pid_t pid = start(forks);
  while (!((volatile int *)tids)[0]) sleep_ms(1);
  wait_state(tids[0], "S");
  must(trace(PTRACE_SEIZE, pid, 0, SEIZE_DEVEL));
  must(trace(PTRACE_SEIZE, tids[0], 0, SEIZE_DEVEL));
  must(trace(PTRACE_INTERRUPT, pid, 0, 0));
  pass_stop(pid, SIGTRAP);
  show_ok("options", trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  cont(pid, 0);
  open_gate(&go);
  next_stop("a fork", pid);
  pid_t child = (pid_t)message(pid);
  next_stop("the child", child);
  show_info("the child", child);
  cont(pid, 0);
  wait_asleep(pid);
  cont(child, 0);
  next_stop("its end", child);
  next_stop("its parent", pid);
  cont(pid, 0);
  wait_asleep(pid);
  tgkill_(pid, tids[0], SIGSTOP);
  next_stop("a stop signal to a thread", tids[0]);
  cont(tids[0], SIGSTOP);
  next_stop("then the thread", tids[0]);
  next_stop("and the leader", pid);
  kill(pid, SIGKILL);
  next_stop("the end of the thread", tids[0]);
  next_stop("the end", pid);
  return 0;
}
