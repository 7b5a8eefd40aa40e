/* An exec waits until a tracer has reaped each other thread that it traced, and cannot be killed meanwhile. A process of
   which only the leader was traced is traced no more when another thread execs. */
// differs: the sleep cannot be killed in 3.2
#include "trace.h"

static int *tids;
static struct gate go;
static int exec_it(void *arg) {
  (void)arg;
  tids[0] = gettid_();
  pass_gate(&go);
  execl("/proc/self/exe", "again", "x", (char *)NULL);
  return 1;
}
static int idle(void *arg) {
  (void)arg;
  tids[1] = gettid_();
  sleep_for_ever();
  return 0;
}
static void threads(void) {
  start_thread(idle, NULL);
  start_thread(exec_it, NULL);
  sleep_for_ever();
}
static pid_t begin(void) {
  tids[0] = tids[1] = 0;
  pid_t pid = start(threads);
  while (!((volatile int *)tids)[0] || !((volatile int *)tids)[1]) sleep_ms(1);
  wait_asleep(pid);
  wait_asleep(tids[0]);
  return pid;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("[the new program, traced: %d]", status_number(getpid(), "\nTracerPid:") != 0);
    return 6;
  }
  (void)argv;
  tids = shared_memory(4096);
  go = new_gate();
  pid_t pid = begin();
  must(trace(PTRACE_ATTACH, tids[1], 0, 0));
  pass_stop(tids[1], SIGSTOP);
  open_gate(&go);
  wait_state(tids[1], "Z");
  wait_state(tids[0], "D");
  sleep_ms(20);
  say("before the tracer's wait: %c", state_of(tids[0]));
  next_stop("the other thread", tids[1]);
  next_stop("the end", pid);

  pid = begin();
  must(trace(PTRACE_ATTACH, tids[1], 0, 0));
  pass_stop(tids[1], SIGSTOP);
  open_gate(&go);
  wait_state(tids[1], "Z");
  wait_state(tids[0], "D");
  kill(pid, SIGKILL);
  sleep_ms(20);
  say("killed: %c", state_of(tids[0]));
  next_stop("the other thread", tids[1]);
  next_stop("the end", pid);

  pid = begin();
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  cont(pid, 0);
  open_gate(&go);
  next_stop("only the leader was traced", pid);
  return 0;
}
