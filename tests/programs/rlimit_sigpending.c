/* RLIMIT_SIGPENDING: sigqueue() fails with EAGAIN at the limit; kill() of a standard signal always gets through. */
// needs: root
#include "check.h"

int main(void) {
  pid_t child;
  CHILD(child) {
    struct rlimit r = { 3, 3 };
    must(setuid(fresh_uid()));
    must(setrlimit(RLIMIT_SIGPENDING, &r));
    sigset_t set = set_of(RT(0), SIGUSR1, SIGUSR2, 0);
    must(sigprocmask(SIG_BLOCK, &set, NULL));
    for (int i = 0; i < 5; i++) show("sigqueue", sigqueue(getpid(), RT(0), (union sigval){ .sival_int = i }));
    show("kill of a real-time signal", kill(getpid(), RT(0)));
    show("kill", kill(getpid(), SIGUSR1));
    show("sigqueue of a standard signal", sigqueue(getpid(), SIGUSR2, (union sigval){ .sival_int = 9 }));
    struct timespec none = { 0, 0 };
    siginfo_t info;
    int sig;
    while ((sig = sigtimedwait_(&set, &info, &none)) > 0) say("took %d code %d value %d", sig, info.si_code, info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
    _exit(0);
  }
  say("%s", reap(child));
  return 0;
}
