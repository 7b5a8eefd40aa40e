/* A tracee that dumps core: threads trap at their exits only after the dump; a tracer that shares the memory that is dumped
   is not waited for. */
// needs: core pattern file
#include "trace.h"

static void fault(void) {
  *(volatile int *)8 = 0;
}
static int idle(void *arg) {
  (void)arg;
  sleep_for_ever();
  return 0;
}
static void threads(void) {
  start_thread(idle, NULL);
  kill(getpid(), SIGSTOP);
  fault();
}
static int tracee_of_a_sharer(void *arg) {
  (void)arg;
  pause();
  return 0;
}

int main(void) {
  go_to_scratch();
  struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
  setrlimit(RLIMIT_CORE, &limit);
  pid_t pid = start_traced(fault);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
  cont(pid, 0);
  next_stop("a fault", pid);
  cont(pid, SIGSEGV);
  next_stop("after the dump", pid);
  say("message %#lx", message(pid));
  cont(pid, 0);
  next_stop("the end", pid);
  say("a file: %d", access("core", F_OK) == 0);
  unlink("core");

  pid = start_traced(threads);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
  cont(pid, 0);
  pass_stop(pid, SIGTRAP);
  pid_t tid = (pid_t)message(pid);
  pass_stop(tid, SIGSTOP);
  cont(tid, 0);
  cont(pid, 0);
  pass_stop(pid, SIGSTOP);
  cont(pid, 0);
  pass_stop(pid, SIGSEGV);
  cont(pid, SIGSEGV);
  next_stop("the thread", tid);
  next_stop("the leader", pid);
  say("a file: %d", access("core", F_OK) == 0);
  unlink("core");

  /* The tracer faults; its tracee shares its memory and has stopped. */
  pid_t tracer;
  CHILD(tracer) {
    pid_t child = (pid_t)must(raw_clone(CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, tracee_of_a_sharer, NULL));
    must(trace(PTRACE_ATTACH, child, 0, 0));
    pass_stop(child, SIGSTOP);
    fault();
  }
  say("a tracer: %s", reap(tracer));
  say("a file: %d", access("core", F_OK) == 0);
  unlink("core");
  return 0;
}
