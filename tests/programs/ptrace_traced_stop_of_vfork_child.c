/* A vfork's child that is traced execs under trace, and its parent goes on at once: at the exec, not at the tracer's resume. */
#include "trace.h"

static pid_t child;
static void vfork_exec(void) {
  child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", "again", "x", (char *)NULL);
    _exit(1);
  }
  kill(getpid(), SIGWINCH);
  _exit(WEXITSTATUS(wait_for(child)));
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 6;
  pid_t pid = start_traced(vfork_exec);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC));
  cont(pid, 0);
  next_stop("vfork", pid);
  pid_t of = (pid_t)message(pid);
  next_stop("the child", of);
  cont(pid, 0);
  cont(of, 0);
  next_stop("the child's exec", of);
  next_stop("the parent runs", pid);
  say("and the child is %c", state_of(of));
  cont(pid, 0);
  cont(of, 0);
  next_stop("the child's end", of);
  next_stop("to its parent", pid);
  cont(pid, 0);
  next_stop("the end", pid);
  return 0;
}
