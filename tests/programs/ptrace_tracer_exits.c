/* A tracer that ends lets its tracees go on from each kind of stop. A signal whose stop it has been told of is lost; one
   that it has not waited for, or only looked at with WNOWAIT, is delivered. */
#include "trace.h"

enum end { WAIT, LOOK, DO_NOT_WAIT, BE_KILLED };
static int *tracee;
static void take(int sig) { say("[took %s]", signame(sig)); }
static void raise_and_exit(void) {
  on_signal(SIGUSR1, take);
  kill(getpid(), SIGUSR1);
  _exit(11);
}
static void fork_and_exit(void) {
  pid_t pid = vfork();
  if (pid == 0) _exit(0);
  wait_for(pid);
  _exit(12);
}
static void stop_and_exit(void) {
  kill(getpid(), SIGSTOP);
  _exit(13);
}
static void die(void) { kill(getpid(), SIGTERM); }

/* A grandchild that its grandparent is to see the end of: clone(2) makes it a sibling of its tracer. */
static void run(const char *what, void (*f)(void), unsigned long options, int stops, enum end end) {
  *tracee = 0;
  pid_t tracer;
  CHILD(tracer) {
    struct gate attached = new_gate();
    pid_t pid = (pid_t)clone_fork(CLONE_PARENT | SIGCHLD);
    if (pid == 0) {
      pass_gate(&attached);
      f();
      _exit(0);
    }
    *tracee = pid;
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    must(trace(PTRACE_SETOPTIONS, pid, 0, options));
    cont(pid, 0);
    open_gate(&attached);
    for (int i = 0; i < stops; i++) {
      if (i + 1 == stops && end == LOOK) {
        siginfo_t info;
        must(syscall(SYS_waitid, P_PID, pid, &info, WSTOPPED | WNOWAIT, NULL));
        say("%s: %s", what, signame(info.si_status));
        break;
      }
      if (i + 1 == stops && end == DO_NOT_WAIT) {
        wait_state(pid, "t");
        break;
      }
      int status = wait_trace(pid);
      if (i + 1 == stops) say("%s: %s", what, trace_str(status));
      else cont(pid, options ? 0 : WSTOPSIG(status));
    }
    if (end == BE_KILLED) kill(getpid(), SIGKILL);
    _exit(0);
  }
  wait_for(tracer);
  pid_t pid = *tracee;
  if (f == stop_and_exit || f == sleep_for_ever) {
    wait_state(pid, f == sleep_for_ever ? "S" : "T");
    say("%s: afterwards it is %c, traced by %ld", what, state_of(pid), status_number(pid, "\nTracerPid:"));
    kill(pid, f == sleep_for_ever ? SIGKILL : SIGCONT);
  }
  say("%s: the end: %s", what, reap(pid));
}

int main(void) {
  tracee = shared_memory(4096);
  run("a signal's stop", raise_and_exit, 0, 1, WAIT);
  run("looked at", raise_and_exit, 0, 1, LOOK);
  run("not waited for", raise_and_exit, 0, 1, DO_NOT_WAIT);
  run("a deadly signal's stop", die, 0, 1, WAIT);
  run("a deadly one, not waited for", die, 0, 1, DO_NOT_WAIT);
  run("a stop signal, not waited for", stop_and_exit, 0, 1, DO_NOT_WAIT);
  run("the stop of a group", stop_and_exit, 0, 2, WAIT);
  run("an event's stop", fork_and_exit, PTRACE_O_TRACEVFORKDONE, 1, WAIT);
  run("an event's stop, not waited for", fork_and_exit, PTRACE_O_TRACEVFORKDONE, 1, DO_NOT_WAIT);
  run("the stop of an exit", raise_and_exit, PTRACE_O_TRACEEXIT, 2, WAIT);
  run("no stop", sleep_for_ever, 0, 0, WAIT);
  run("a killed tracer", raise_and_exit, 0, 1, BE_KILLED);
  return 0;
}
