/* A call that a tracer's stop breaks off goes on when no handler runs; with a handler it ends or starts anew, as ever. A
   tracer that takes its number away has it end with the errno that no program should see. */
#include "trace.h"

static void nothing(int sig) { (void)sig; }
static int fd[2];
static void reads(void) {
  on_signal(SIGUSR1, nothing);
  on_signal_flags(SIGUSR2, nothing, SA_RESTART);
  char c;
  for (int i = 0; i < 3; i++) say("[read: %s]", read(fd[0], &c, 1) == -1 ? errname(errno) : "a byte");
}

int main(void) {
  must(pipe(fd));
  pid_t pid = start_traced(reads);
  cont(pid, 0);
  wait_asleep(pid);
  static const int signals[] = { SIGCHLD, SIGUSR2, SIGUSR2, SIGUSR1 };
  static const int passed[] = { SIGCHLD, 0, SIGUSR2, SIGUSR1 };
  for (int i = 0; i < 4; i++) {
    kill(pid, signals[i]);
    next_stop("a signal", pid);
    say("passed: %s", signame(passed[i]));
    cont(pid, passed[i]);
    if (i < 3) wait_asleep(pid);
  }
  wait_asleep(pid);
  kill(pid, SIGCHLD);
  next_stop("a signal", pid);
  must(trace(PTRACE_POKEUSER, pid, 15 * 8, -1ul));
  cont(pid, 0);
  wait_asleep(pid);
  must(write(fd[1], "x", 1));
  next_stop("the end", pid);
  return 0;
}
