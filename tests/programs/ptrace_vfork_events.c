/* A vfork under trace: VFORK when the child is there, VFORK_DONE when it has let its parent go, both with its number. The
   traced child holds its parent up until it execs or ends. */
// differs: who waits for its vfork's child cannot be killed in 3.2, traced or not
#include "trace.h"

static void vforks(void) {
  pid_t pid = vfork();
  if (pid == 0) _exit(9);
  _exit(WEXITSTATUS(wait_for(pid)) + 1);
}

int main(void) {
  pid_t pid = start_traced(vforks);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT));
  cont(pid, 0);
  next_stop("vfork", pid);
  pid_t child = (pid_t)message(pid);
  next_stop("the child", child);
  cont(pid, 0);
  wait_state(pid, "D");
  say("the parent waits: %c", state_of(pid));
  no_news("the parent waits", pid);
  cont(child, 0);
  next_stop("the child's exit", child);
  say("the parent waits: %c", state_of(pid));
  cont(child, 0);
  next_stop("the child's end", child);
  next_stop("then", pid);
  say("the same number: %d", (pid_t)message(pid) == child);
  show_info("VFORK_DONE", pid);
  cont(pid, 0);
  next_stop("its news", pid);
  cont(pid, 0);
  next_stop("the exit", pid);
  say("message %#lx", message(pid));
  cont(pid, 0);
  next_stop("the end", pid);

  /* A parent that is killed in its trap leaves a child that goes on. */
  pid = start_traced(vforks);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK));
  cont(pid, 0);
  pass_stop(pid, SIGTRAP);
  child = (pid_t)message(pid);
  pass_stop(child, SIGSTOP);
  kill(pid, SIGKILL);
  wait_state(pid, "D");
  say("killed, it still waits for its child: %c", state_of(pid));
  cont(child, 0);
  next_stop("the child's end", child);
  next_stop("the end", pid);
  return 0;
}
