/* Three hundred zombies at once: all are there, each is reaped once, by whatever selector; SIGCHLD came at least once. */
#include "check.h"

enum { N = 300 };
static volatile int chld;
static void handler(int sig) {
  (void)sig;
  chld++;
}

int main(void) {
  static pid_t pid[N];
  own_session();
  on_signal_flags(SIGCHLD, handler, SA_RESTART);
  for (int i = 0; i < N; i++) {
    CHILD(pid[i]) {
      if (i % 3 == 0) kill(getpid(), SIGTERM);
      _exit(i & 0xff);
    }
  }
  int zombies = 0, right = 0, killed = 0;
  for (int i = 0; i < N; i++) {
    siginfo_t info;
    must(waitid(P_PID, (id_t)pid[i], &info, WEXITED | WNOWAIT));
    zombies += info.si_pid == pid[i];
  }
  say("zombies %d, signalled %d", zombies, chld > 0);
  for (int i = N - 1; i >= 200; i--) {
    int s = wait_for(pid[i]);
    killed += WIFSIGNALED(s) && WTERMSIG(s) == SIGTERM;
    right += WIFEXITED(s) && WEXITSTATUS(s) == (i & 0xff);
  }
  say("by pid: %d exited, %d killed", right, killed);
  int n = 0, s;
  while (n < 100 && waitpid(0, &s, 0) > 0) n++;
  say("by group: %d", n);
  while (waitpid(-1, &s, WNOHANG) > 0) n++;
  say("all: %d", n);
  show("nobody left", waitpid(-1, &s, 0));
  return 0;
}
