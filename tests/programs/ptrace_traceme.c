/* PTRACE_TRACEME: once, by the thread that forked, and nothing stops by it. */
#include "trace.h"

static pid_t forked;
static struct gate asked;
static void *fork_here(void *arg) {
  (void)arg;
  CHILD(forked) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    kill(getpid(), SIGUSR1);
    _exit(5);
  }
  pass_gate(&asked);
  show_ok("the thread that forked may ask", trace(PTRACE_CONT, forked, 0, 0));
  return NULL;
}

int main(void) {
  pid_t pid;
  CHILD(pid) {
    show_ok("its number, address and data are nothing to it", trace(PTRACE_TRACEME, 12345, 1, 2));
    show_ok("a second time", trace(PTRACE_TRACEME, 0, 0, 0));
    say("tracer: %s", (pid_t)status_number(getpid(), "\nTracerPid:") == getppid() ? "parent" : "?");
    _exit(3);
  }
  next_stop("it runs to its end", pid);

  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    execl("/proc/self/exe", "again", (char *)NULL);
    signal(SIGUSR1, SIG_IGN);
    kill(getpid(), SIGUSR1);
    _exit(4);
  }
  next_stop("exec stops it, or an ignored signal", pid);
  kill(pid, SIGKILL);
  next_stop("then", pid);

  asked = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, fork_here, NULL);
  while (!*(volatile pid_t *)&forked) sleep_ms(1);
  next_stop("the process of the tracer may wait", forked);
  show_ok("but not ask", trace(PTRACE_CONT, forked, 0, 0));
  open_gate(&asked);
  pthread_join(t, NULL);
  next_stop("its end", forked);

  /* A parent that is gone makes no tracer: init is the parent then. */
  struct gate done = new_gate();
  CHILD(pid) {
    pid_t grandchild;
    CHILD(grandchild) {
      must(trace(PTRACE_TRACEME, 0, 0, 0));
      while (getppid() != 1) sleep_ms(1);
      say("after the tracer's end: tracer %ld", status_number(getpid(), "\nTracerPid:"));
      open_gate(&done);
      _exit(0);
    }
    while (status_number(grandchild, "\nTracerPid:") == 0) sleep_ms(1);
    _exit(0);
  }
  wait_for(pid);
  pass_gate(&done);
  return 0;
}
