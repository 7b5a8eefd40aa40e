/* An exec waits until a tracer has reaped each other thread that it traced, and cannot be killed meanwhile. A process of
   which only the leader was traced is traced no more when another thread execs. */
// differs: the sleep cannot be killed in 3.2
#include "trace.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    say("[the new program, traced: %d]", status_number(getpid(), "\nTracerPid:") != 0);
    return 6;
  }
  (void)argv;
  struct exec_threads *threads = shared_memory(sizeof *threads);
  pid_t pid = start_exec_threads(threads);
  hold_exec(threads);
  sleep_ms(20);
  say("before the tracer's wait: %c", state_of(threads->execs));
  next_stop("the other thread", threads->idles);
  next_stop("the end", pid);

  pid = start_exec_threads(threads);
  hold_exec(threads);
  kill(pid, SIGKILL);
  sleep_ms(20);
  say("killed: %c", state_of(threads->execs));
  next_stop("the other thread", threads->idles);
  next_stop("the end", pid);

  pid = start_exec_threads(threads);
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  cont(pid, 0);
  open_gate(&threads->go);
  next_stop("only the leader was traced", pid);
  return 0;
}
