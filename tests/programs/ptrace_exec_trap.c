/* An exec sends a tracee SIGTRAP, from itself, when the new program is there; blocked it waits, and a tracer that asks
   for the event gets that in its place. A program that cannot be run traps nobody. */
#include "trace.h"

static int blocks;
static void exec(void) {
  if (blocks) block(SIGTRAP);
  execl("/nonexistent", "x", (char *)NULL);
  kill(getpid(), SIGUSR1);
  execl("/proc/self/exe", "again", blocks ? "blocked" : "free", (char *)NULL);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    say("[the new program, pending TRAP: %d]", is_pending(SIGTRAP));
    unblock(SIGTRAP);
    say("[on]");
    return 6;
  }
  for (blocks = 0; blocks < 2; blocks++) {
    for (int option = 0; option < 2; option++) {
      say("%s, %s", blocks ? "blocked" : "free", option ? "TRACEEXEC" : "no option");
      pid_t pid = start_traced(exec);
      must(trace(PTRACE_SETOPTIONS, pid, 0, option ? PTRACE_O_TRACEEXEC : 0));
      cont(pid, 0);
      next_stop("a failure is no stop", pid);
      cont(pid, 0);
      int status = next_stop("then", pid);
      show_info("then", pid);
      if (option) say("message is its number: %d", (pid_t)message(pid) == pid);
      char path[40], comm[32];
      snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
      int fd = open(path, O_RDONLY);
      ssize_t n = read(fd, comm, sizeof comm - 1);
      close(fd);
      say("it is \"%s\"", n > 0 ? comm : "");
      cont(pid, 0);
      status = next_stop("then", pid);
      if (WIFSTOPPED(status)) {
        cont(pid, 0);
        next_stop("then", pid);
      }
    }
  }
  return 0;
}
