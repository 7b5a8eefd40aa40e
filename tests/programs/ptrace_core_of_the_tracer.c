/* A tracer dumps core whose tracee shares its memory, and so dies with it: that one does not stop for its end, as its tracer
   waits for it already. */
// needs: core pattern file
#include "trace.h"
#include <sys/resource.h>

static int signals(void *arg) {
  (void)arg;
  must(trace(PTRACE_TRACEME, 0, 0, 0));
  kill((pid_t)must(syscall(SYS_getpid)), SIGSTOP);
  sleep_for_ever();
  return 0;
}

int main(void) {
  go_to_scratch();
  pid_t tracer;
  CHILD(tracer) {
    struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
    must(setrlimit(RLIMIT_CORE, &all));
    pid_t tracee = (pid_t)must(raw_clone(CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, signals, NULL));
    pass_stop(tracee, SIGSTOP);
    must(trace(PTRACE_SETOPTIONS, tracee, 0, PTRACE_O_TRACEEXIT));
    cont(tracee, 0);
    wait_asleep(tracee);
    kill(getpid(), SIGQUIT);
    sleep_for_ever();
  }
  next_stop("the tracer", tracer);
  return 0;
}
