/* KILL and STOP in the set of sigtimedwait() are not waited for: they do what they always do. */
#include "check.h"

int main(void) {
  sigset_t all;
  sigfillset(&all);
  pid_t child;
  for (int i = 0; i < 2; i++) {
    CHILD(child) {
      must(sigprocmask(SIG_SETMASK, &all, NULL));
      struct timespec day = { 86400, 0 };
      siginfo_t info;
      for (;;) {
        int sig = sigtimedwait_(&all, &info, &day);
        if (sig == -1) say("%s", errname(errno));
        else say("took %d", sig);
        if (sig == SIGUSR1) _exit(6);
      }
    }
    wait_asleep(child);
    if (i == 0) {
      kill(child, SIGKILL);
      say("%s", reap(child));
      continue;
    }
    int s;
    kill(child, SIGSTOP);
    must(waitpid(child, &s, WUNTRACED));
    say("%s", wait_str(s));
    kill(child, SIGCONT);
    must(waitpid(child, &s, WCONTINUED));
    int continued = WIFCONTINUED(s);
    wait_asleep(child);
    sleep_ms(2);
    kill(child, SIGUSR1);
    say("%s; continued %d", reap(child), continued);
  }
  return 0;
}
