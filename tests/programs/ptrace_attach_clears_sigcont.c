/* The SIGSTOP of an attach takes back pending SIGCONTs, as any; another signal that is pending may be seen before it. */
#include "trace.h"

static void wait_for_cont(void) {
  block(SIGCONT);
  block(SIGUSR1);
  sleep_for_ever();
}

int main(void) {
  pid_t pid = start(wait_for_cont);
  wait_asleep(pid);
  kill(pid, SIGCONT);
  kill(pid, SIGUSR1);
  char path[40], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  for (int i = 0; i < 2; i++) {
    FILE *f = fopen(path, "r");
    while (fgets(line, sizeof line, f))
      if (!strncmp(line, "ShdPnd:", 7) || !strncmp(line, "SigPnd:", 7)) say("%.*s", (int)strcspn(line, "\n"), line);
    fclose(f);
    if (i) break;
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    next_stop("attach", pid);
  }
  kill(pid, SIGKILL);
  wait_trace(pid);
  return 0;
}
