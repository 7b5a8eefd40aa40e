/* Which event a clone(2) is: by CLONE_VFORK, else by the signal of its end; only that option counts. CLONE_UNTRACED keeps
   tracers away, CLONE_PTRACE calls them without any event. */
#include "trace.h"

static int quiet(void *arg) {
  (void)arg;
  return 0;
}
static void clones(void) {
  static const struct { const char *name; unsigned long flags; } kinds[] = {
    { "fork", SIGCHLD }, { "another signal", SIGUSR1 }, { "no signal", 0 }, { "vfork", CLONE_VFORK | SIGCHLD },
    { "untraced", CLONE_UNTRACED | SIGCHLD }, { "ptrace", CLONE_PTRACE | SIGCHLD },
    { "untraced and ptrace", CLONE_UNTRACED | CLONE_PTRACE | SIGCHLD },
  };
  signal(SIGUSR1, SIG_IGN);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    pid_t pid = (pid_t)clone_fork(kinds[i].flags);
    if (pid == 0) _exit(0);
    must(waitpid(pid, NULL, __WALL));
    kill(getpid(), SIGWINCH);
  }
  start_thread(quiet, NULL);
  sleep_ms(20);
}
static void watch(const char *name, unsigned long options) {
  char line[400] = "";
  pid_t pid = start_traced(clones);
  must(trace(PTRACE_SETOPTIONS, pid, 0, options));
  cont(pid, 0);
  int children = 0, at = 0;
  for (;;) {
    int status;
    pid_t who = (pid_t)must(waitpid(-1, &status, __WALL));
    if (who != pid) {
      if (WIFSTOPPED(status)) {
        cont(who, 0);
        children++;
      }
      continue;
    }
    if (WIFEXITED(status)) break;
    int sig = WSTOPSIG(status);
    if (status >> 16) at += snprintf(line + at, sizeof line - (size_t)at, " %s", strrchr(trace_str(status), ' ') + 1);
    else if (sig == SIGWINCH) at += snprintf(line + at, sizeof line - (size_t)at, " |"), sig = 0;
    cont(pid, sig == SIGTRAP || sig == SIGCHLD ? 0 : sig);
  }
  say("%s:%s; children traced: %d", name, line, children);
}

int main(void) {
  watch("no options", 0);
  watch("FORK", PTRACE_O_TRACEFORK);
  watch("VFORK", PTRACE_O_TRACEVFORK);
  watch("CLONE", PTRACE_O_TRACECLONE);
  watch("VFORKDONE", PTRACE_O_TRACEVFORKDONE);
  watch("all", PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE);
  return 0;
}
