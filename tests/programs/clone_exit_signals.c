/* Whatever number the exit signal has: the valid ones arrive, the others send nothing; only SIGCHLD makes a plain child. */
#include "check.h"
// a real 3.2.4: [signal 9]: who starts it there is told of the signal, and not of a shell's 137

int main(void) {
  static const int sigs[] = { 0, SIGUSR1, SIGTERM, SIGCHLD, SIGCONT, 40, 64, 65, 100, 255 };
  sigset_t all;
  sigfillset(&all);
  must(sigprocmask(SIG_SETMASK, &all, NULL));
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
    long c = must(clone_fork((unsigned long)sigs[i]));
    if (c == 0) _exit(7);
    wait_state((pid_t)c, "Z");
    sleep_ms(1);
    struct timespec none = { 0, 0 };
    siginfo_t info;
    int got = sigtimedwait_(&all, &info, &none), s;
    int plain = waitpid((pid_t)c, &s, WNOHANG) == c;
    int cloned = !plain && waitpid((pid_t)c, &s, __WCLONE | WNOHANG) == c;
    say("%d: got %d code %d, plain %d clone %d", sigs[i], got == -1 ? 0 : got, got == -1 ? 0 : info.si_code, plain, cloned);
  }
  long c = must(clone_fork(SIGKILL));
  if (c == 0) {
    sleep_ms(1);
    _exit(0);
  }
  for (;;) pause();
}
