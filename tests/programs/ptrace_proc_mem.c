/* /proc/PID/mem is its process's own, and its tracer's while it has stopped for it. */
// a real 3.2.4: lets the parent in at open, as all from 3.2.2 on
// differs: 3.2.0 looks at the right to read at each read and write, not at open; the parent without a trace has none
#include "trace.h"

static char word[] = "original";
static void read_own(void) {
  int fd = open("/proc/self/mem", O_RDONLY);
  char text[16] = "";
  show("one's own", pread(fd, text, 8, (off_t)(uintptr_t)word));
  say("\"%s\"", text);
  close(fd);
  sleep_for_ever();
}
static void look(const char *what, int fd) {
  char text[16] = "";
  say("%s: %s", what, pread(fd, text, 8, (off_t)(uintptr_t)word) == -1 ? errname(errno) : text);
}

int main(void) {
  pid_t pid = start_traced(read_own);
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  int fd = (int)must(open(path, O_RDWR));
  look("stopped", fd);
  show("a write", pwrite(fd, "CHANGED", 7, (off_t)(uintptr_t)word));
  look("then", fd);
  cont(pid, 0);
  wait_asleep(pid);
  look("running", fd);
  kill(pid, SIGUSR1);
  pass_stop(pid, SIGUSR1);
  look("stopped", fd);
  must(trace(PTRACE_DETACH, pid, 0, 0));
  wait_asleep(pid);
  look("detached", fd);
  kill(pid, SIGKILL);
  wait_trace(pid);
  look("gone", fd);
  return 0;
}
