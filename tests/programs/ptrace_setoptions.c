/* PTRACE_SETOPTIONS: a call replaces all options. */
// differs: of a word with unknown options 3.2 takes over the known ones before it says EINVAL; later nothing
#include "trace.h"

static void forks(void) {
  for (int i = 0; i < 4; i++) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, NULL, 0);
    kill(getpid(), SIGUSR1);
  }
}
static void step(const char *what, pid_t pid, unsigned long options) {
  char text[80];
  snprintf(text, sizeof text, "%s: set", what);
  show_ok(text, trace(PTRACE_SETOPTIONS, pid, 0, options));
  cont(pid, 0);
  int status = next_stop(what, pid);
  if (status >> 16 != PTRACE_EVENT_FORK) return;
  pid_t child = (pid_t)message(pid);
  pass_stop(child, SIGSTOP);
  must(trace(PTRACE_DETACH, child, 0, 0));
  cont(pid, 0);
  for (;;) { /* SIGCHLD and SIGUSR1 */
    status = wait_trace(pid);
    if (WSTOPSIG(status) == SIGUSR1) break;
    cont(pid, 0);
  }
}

int main(void) {
  pid_t pid = start_traced(forks);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  step("forks", pid, PTRACE_O_TRACEFORK);
  step("forks and an unknown one", pid, PTRACE_O_TRACEFORK | 0x800);
  step("only an unknown one", pid, 0x80000000);
  cont(pid, 0);
  pass_stop(pid, SIGUSR1);
  step("by the old number", pid, 0);
  kill(pid, SIGKILL);
  wait_trace(pid);
  return 0;
}
