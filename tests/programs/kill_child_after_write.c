/* A parent writes to a pipe its child reads, kills the child and waits: nobody hangs, whatever the child was doing. */
#include "check.h"

int main(void) {
  int killed = 0;
  for (int i = 0; i < 60; i++) {
    int p[2];
    pid_t child;
    must(pipe(p));
    CHILD(child) {
      char c;
      close(p[1]);
      while (read(p[0], &c, 1) == 1) continue;
      for (;;) pause();
    }
    close(p[0]);
    if (i % 3 == 1) sched_yield();
    if (i % 3 == 2) wait_asleep(child);
    must(write(p[1], "hello", 5));
    if (i & 1) sched_yield();
    kill(child, i % 2 ? SIGKILL : SIGTERM);
    int s = wait_for(child);
    killed += WIFSIGNALED(s) && WTERMSIG(s) == (i % 2 ? SIGKILL : SIGTERM);
    close(p[1]);
  }
  say("killed %d", killed);
  return 0;
}
