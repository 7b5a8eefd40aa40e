/* An attach waits while its tracee is in an exec. A signal interrupts that; behind its handler the call is made again,
   SA_RESTART or not. */
#include "trace.h"

static struct exec_threads *threads;
static struct gate handled, told, attached;
static void take(int sig) {
  say("[took %s]", signame(sig));
  open_gate(&handled);
}
static void attach(void) {
  on_signal(SIGUSR1, take);
  long result = trace(PTRACE_ATTACH, threads->execs, 0, 0);
  pass_gate(&told); /* the exec goes on when the other thread is reaped: either may be the first to tell */
  show_ok("the attach", result);
  open_gate(&attached);
  sleep_for_ever();
}

int main(int argc, char **argv) {
  if (argc > 1) sleep_for_ever();
  (void)argv;
  threads = shared_memory(sizeof *threads);
  handled = new_gate();
  told = new_gate();
  attached = new_gate();
  pid_t pid = start_exec_threads(threads);
  hold_exec(threads);

  pid_t tracer = start(attach);
  wait_asleep(tracer);
  kill(tracer, SIGUSR1);
  pass_gate(&handled);
  wait_asleep(tracer);
  next_stop("the other thread", threads->idles);
  open_gate(&told);
  pass_gate(&attached);
  say("traced: %d", status_number(pid, "\nTracerPid:") == tracer);
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  kill(tracer, SIGKILL);
  next_stop("the tracer", tracer);
  next_stop("the end", pid);
  return 0;
}
