/* The stop of a process of which a tracer has some threads: those trap, the others stop, and the parent hears of it when
   all have done so. A tracer that lets one of them run changes nothing in that. */
#include "trace.h"

static int *tids;
static int in_thread(void *arg) {
  tids[(long)arg] = gettid_();
  sleep_for_ever();
  return 0;
}
static void with_threads(void) {
  for (long i = 1; i < 3; i++) start_thread(in_thread, (void *)i);
  sleep_for_ever();
}

int main(void) {
  tids = shared_memory(4096);
  pid_t tracer, pid = start(with_threads);
  while (!((volatile int *)tids)[1] || !((volatile int *)tids)[2]) sleep_ms(1);
  for (int i = 1; i < 3; i++) wait_state(tids[i], "S");
  struct gate attached = new_gate(), stop = new_gate();
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, tids[1], 0, 0));
    pass_stop(tids[1], SIGSTOP);
    cont(tids[1], 0);
    wait_asleep(tids[1]);  // on its way there it could take the next SIGSTOP itself
    open_gate(&attached);
    pass_gate(&stop);
    next_stop("the traced thread", tids[1]);
    show_info("the traced thread", tids[1]);
    say("the others: %c %c", state_of(pid), state_of(tids[2]));
    show_ok("let it run", trace(PTRACE_CONT, tids[1], 0, 0));
    wait_asleep(tids[1]);
    open_gate(&attached);
    pass_gate(&stop);
    next_stop("stopped again", tids[1]);
    show_info("stopped again", tids[1]);
    show_ok("detach", trace(PTRACE_DETACH, tids[1], 0, 0));
    wait_state(tids[1], "T");
    say("without a tracer it is %c", state_of(tids[1]));
    _exit(0);
  }
  pass_gate(&attached);
  kill(pid, SIGSTOP);
  int status;
  must(waitpid(pid, &status, WUNTRACED));
  say("the parent: %s", trace_str(status));
  open_gate(&stop);
  pass_gate(&attached);
  no_news("one thread runs: to the parent", pid);
  kill(pid, SIGCONT);
  must(waitpid(pid, &status, WCONTINUED));
  say("the parent: %s", trace_str(status));
  wait_asleep(pid);
  kill(pid, SIGSTOP);
  must(waitpid(pid, &status, WUNTRACED));
  say("the parent: %s", trace_str(status));
  open_gate(&stop);
  wait_for(tracer);
  no_news("a detach is no news", pid);
  kill(pid, SIGKILL);
  say("the end: %s", reap(pid));
  return 0;
}
