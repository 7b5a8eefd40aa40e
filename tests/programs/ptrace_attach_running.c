/* PTRACE_ATTACH stops one who runs and one who sleeps, by a SIGSTOP without a sender that cannot be ignored or blocked;
   letters and numbers in /proc say who traces it. */
// differs: the SIGSTOP of an attach comes from user 0's process 0 in 3.2, later from the kernel
#include "trace.h"

static void spin(void) {
  for (;;) __asm__ volatile("pause");
}
static void sleep_in_a_call(void) {
  struct timespec t = { 0, 300000000 };
  _exit(nanosleep(&t, NULL) == 0 ? 42 : 43);
}

int main(void) {
  pid_t pid = start(spin);
  show_ok("attach", trace(PTRACE_ATTACH, pid, 0, 0));
  next_stop("a running one", pid);
  show_info("a running one", pid);
  say("state %c, tracer %s, parent %s", state_of(pid), tracer_of(pid),
      relation((pid_t)status_number(pid, "\nPPid:"), getpid(), getppid(), pid));
  no_news("a stop is told once", pid);
  show_ok("detach", trace(PTRACE_DETACH, pid, 0, 0));
  say("state %c, tracer %s", state_of(pid), tracer_of(pid));
  kill(pid, SIGKILL);
  say("its end: %s", trace_str(wait_trace(pid)));

  pid = start(sleep_in_a_call);
  wait_asleep(pid);
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  next_stop("a sleeping one", pid);
  must(trace(PTRACE_DETACH, pid, 0, 0));
  say("its call goes on: %s", trace_str(wait_trace(pid)));

  CHILD(pid) {
    signal(SIGCONT, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sleep_for_ever();
  }
  wait_asleep(pid);
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  next_stop("one that blocks all signals", pid);
  show_ok("attach's signal may be passed on", trace(PTRACE_CONT, pid, 0, SIGSTOP));
  next_stop("then it stops", pid);
  show_info("then it stops", pid);
  kill(pid, SIGKILL);
  say("its end: %s", trace_str(wait_trace(pid)));
  return 0;
}
