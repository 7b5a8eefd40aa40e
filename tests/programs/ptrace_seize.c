/* PTRACE_SEIZE as 3.2 has it: it stops nobody; INTERRUPT traps, once for two; options are set by SETOPTIONS alone. */
// order: whether the tracee is in its trap when it is interrupted a second time
// differs: later kernels know no flag for SEIZE, take options in its place, and give another number to its event
#include "trace.h"

static void sleep_a_while(void) {
  struct timespec t = { 0, 200000000 };
  _exit(nanosleep(&t, NULL) == 0 ? 42 : 43);
}

int main(void) {
  pid_t pid = start(sleep_a_while);
  wait_asleep(pid);
  show_ok("seize, options beside the flag", trace(PTRACE_SEIZE, pid, 1, SEIZE_DEVEL | PTRACE_O_TRACEEXIT));
  no_news("it stops nobody", pid);
  say("traced by %s, state %c", tracer_of(pid), state_of(pid));
  show_ok("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
  show_ok("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
  next_stop("interrupt", pid);
  show_info("interrupt", pid);
  show_ok("a signal with the resume is nothing to it", trace(PTRACE_CONT, pid, 0, SIGUSR1));
  no_news("a second one is not remembered", pid);
  next_stop("no options; its call went on", pid);

  pid = start(sleep_for_ever);
  wait_asleep(pid);
  must(trace(PTRACE_SEIZE, pid, 0, SEIZE_DEVEL));
  kill(pid, SIGUSR1);
  next_stop("a signal", pid);
  show_ok("interrupt it there", trace(PTRACE_INTERRUPT, pid, 0, 0));
  no_news("it does not trap yet", pid);
  cont(pid, 0);
  next_stop("but then", pid);
  cont(pid, 0);
  kill(pid, SIGSTOP);
  next_stop("a stop signal", pid);
  cont(pid, SIGSTOP);
  next_stop("the stop of its group", pid);
  show_info("the stop of its group", pid);
  kill(pid, SIGCONT);
  cont(pid, 0);
  next_stop("it says that it is over", pid);
  cont(pid, 0);
  next_stop("before SIGCONT itself", pid);
  cont(pid, SIGCONT);
  kill(pid, SIGKILL);
  next_stop("the end", pid);

  pid = start_traced(sleep_for_ever);
  show_ok("one that is not seized: interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
  show_ok("one that is not seized: listen", trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGKILL);
  wait_trace(pid);

  pid = start(sleep_for_ever);
  wait_asleep(pid);
  kill(pid, SIGSTOP);
  wait_state(pid, "T");
  must(trace(PTRACE_SEIZE, pid, 0, SEIZE_DEVEL));
  say("seized when stopped it is %c", state_of(pid));
  next_stop("seized when stopped", pid);
  show_info("seized when stopped", pid);
  kill(pid, SIGKILL);
  next_stop("the end", pid);
  show_ok("interrupt the dead", trace(PTRACE_INTERRUPT, pid, 0, 0));
  return 0;
}
