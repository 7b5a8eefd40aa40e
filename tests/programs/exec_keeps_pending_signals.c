/* Signals that are blocked and pending survive exec, private and shared, with their payload; they act when unblocked. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    sigset_t set = set_of(SIGUSR1, RT(0), SIGHUP, 0);
    siginfo_t i;
    struct timespec none = { 0, 0 };
    for (int sig; (sig = sigtimedwait_(&set, &i, &none)) > 0;) say("took %d code %d own %d value %d", sig, i.si_code, i.si_pid == getpid(), sig == RT(0) ? i.si_value.sival_int : 0);
    say("TERM pending %d", is_pending(SIGTERM));
    unblock(SIGTERM);
    say("FAILED: not reached");
    return 1;
  }
  pid_t child;
  CHILD(child) {
    sigset_t set = set_of(SIGUSR1, RT(0), SIGHUP, SIGTERM, 0);
    must(sigprocmask(SIG_BLOCK, &set, NULL));
    on_signal(SIGTERM, exit); /* the new program's is the default */
    tgkill_(getpid(), gettid_(), SIGUSR1);
    kill(getpid(), SIGHUP);
    for (int n = 0; n < 3; n++) sigqueue(getpid(), RT(0), (union sigval){ .sival_int = n });
    kill(getpid(), SIGTERM);
    execl("/proc/self/exe", argv[0], "x", NULL);
    _exit(2);
  }
  say("%s", reap(child));
  return 0;
}
