/* An attach waits while its tracee is in an exec. A signal interrupts that; behind its handler the call is made again,
   SA_RESTART or not. */
// order: who tells first, the tracer of its attach or the waiter of the other thread's end
#include "trace.h"

static int *tids;
static struct gate go, handled, attached;
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
static void take(int sig) {
  say("[took %s]", signame(sig));
  open_gate(&handled);
}
static void attach(void) {
  on_signal(SIGUSR1, take);
  show_ok("the attach", trace(PTRACE_ATTACH, tids[0], 0, 0));
  open_gate(&attached);
  sleep_for_ever();
}

int main(int argc, char **argv) {
  if (argc > 1) sleep_for_ever();
  (void)argv;
  tids = shared_memory(4096);
  go = new_gate();
  handled = new_gate();
  attached = new_gate();
  pid_t pid = start(threads);
  while (!((volatile int *)tids)[0] || !((volatile int *)tids)[1]) sleep_ms(1);
  wait_asleep(pid);
  wait_asleep(tids[0]);
  /* The exec waits until we have waited for its other thread. */
  must(trace(PTRACE_ATTACH, tids[1], 0, 0));
  pass_stop(tids[1], SIGSTOP);
  open_gate(&go);
  wait_state(tids[1], "Z");
  wait_state(tids[0], "D");

  pid_t tracer = start(attach);
  wait_asleep(tracer);
  kill(tracer, SIGUSR1);
  pass_gate(&handled);
  wait_asleep(tracer);
  next_stop("the other thread", tids[1]);
  pass_gate(&attached);
  say("traced: %d", status_number(pid, "\nTracerPid:") == tracer);
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  kill(tracer, SIGKILL);
  next_stop("the tracer", tracer);
  next_stop("the end", pid);
  return 0;
}
