/* Forks, exits, signals and waits all at once, checked by what must add up. */
#include "check.h"

static volatile int usr1;
static void handler(int sig) {
  (void)sig;
  usr1++;
}

int main(void) {
  on_signal_flags(SIGUSR1, handler, SA_RESTART);
  int sum = 0, killed = 0, exited = 0, expect = 0;
  pid_t parent = getpid();
  for (int round = 0; round < 20; round++) {
    pid_t pids[8];
    for (int i = 0; i < 8; i++) {
      CHILD(pids[i]) {
        kill(parent, SIGUSR1);
        if (i % 3 == 0)
          for (;;) pause();
        pid_t grandchild;
        CHILD(grandchild) {
          kill(getppid(), SIGUSR1);
          _exit(i);
        }
        int status;
        while (waitpid(grandchild, &status, 0) == -1) continue;
        _exit(WEXITSTATUS(status) + 1);
      }
      if (i % 3) expect += i + 1;
    }
    for (int i = 0; i < 8; i += 3) kill(pids[i], i ? SIGTERM : SIGKILL);
    for (int n = 0; n < 8; n++) {
      int status;
      pid_t pid;
      while ((pid = wait(&status)) == -1) continue;
      if (WIFSIGNALED(status)) killed++;
      else exited++, sum += WEXITSTATUS(status);
    }
  }
  say("killed %d, exited %d, sum as expected: %d, signals came: %d", killed, exited, sum == expect, usr1 > 0);
  show("nobody is left", wait(NULL));
  return 0;
}
