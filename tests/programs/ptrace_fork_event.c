/* PTRACE_O_TRACEFORK: an event with the child's number, and a child that is traced from its birth with the same options:
   its first stop is SIGSTOP without a siginfo. */
#include "trace.h"

static void fork_twice(void) {
  pid_t a = fork();
  if (a == 0) {
    pid_t b = fork();
    if (b == 0) _exit(3);
    _exit(WEXITSTATUS(wait_for(b)) + 10);
  }
  _exit(WEXITSTATUS(wait_for(a)) + 100);
}

int main(void) {
  pid_t pid = start_traced(fork_twice);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  cont(pid, 0);
  next_stop("a fork", pid);
  show_info("a fork", pid);
  pid_t child = (pid_t)message(pid);
  say("its message is a child: %d", (int)status_number(child, "\nPPid:") == pid);
  next_stop("the child", child);
  show_info("the child", child);
  say("traced by %s; state %c", tracer_of(child), state_of(child));
  say("its message: %ld", message(child));
  cont(child, 0);
  next_stop("options are inherited", child);
  pid_t grandchild = (pid_t)message(child);
  next_stop("the grandchild", grandchild);
  cont(grandchild, 0);
  next_stop("its end", grandchild);
  cont(child, 0);
  next_stop("to its parent", child);
  show_info("to its parent", child);
  cont(child, SIGCHLD);
  next_stop("the end of the child", child);
  cont(pid, 0);
  next_stop("to its parent", pid);
  cont(pid, 0);
  next_stop("the end", pid);
  return 0;
}
