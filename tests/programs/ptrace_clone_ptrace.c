/* CLONE_PTRACE by somebody whom nobody traces is nothing; else the child is traced by the same tracer. A thread, too. */
#include "trace.h"

static int *tid;
static int quiet(void *arg) {
  (void)arg;
  *tid = gettid_();
  return 3;
}
static void thread(void) {
  enum { FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PTRACE };
  *tid = (int)must(raw_clone(FLAGS, new_stack(), NULL, NULL, NULL, quiet, NULL));
  for (;;) sleep_ms(10);
}

int main(void) {
  tid = shared_memory(4096);
  pid_t pid = (pid_t)clone_fork(CLONE_PTRACE | SIGCHLD);
  if (pid == 0) {
    kill(getpid(), SIGWINCH);
    _exit((int)status_number(getpid(), "\nTracerPid:"));
  }
  next_stop("nobody traces us", pid);

  pid = start_traced(thread);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
  cont(pid, 0);
  while (!*(volatile int *)tid) sleep_ms(1);
  next_stop("a thread", *tid);
  cont(*tid, 0);
  next_stop("with its options", *tid);
  say("message %#lx", message(*tid));
  cont(*tid, 0);
  next_stop("its end", *tid);
  kill(pid, SIGKILL);
  next_stop("the leader", pid);
  cont(pid, 0);
  next_stop("the end", pid);
  return 0;
}
