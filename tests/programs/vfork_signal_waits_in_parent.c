/* A signal to the suspended parent of a vfork child is handled when vfork returns, once, and the child does not have it. */
#include "check.h"

static volatile int handled, in_child;
static void handler(int sig) {
  (void)sig;
  handled++;
}

int main(void) {
  on_signal(SIGUSR1, handler);
  pid_t v = vfork();
  if (v == 0) {
    syscall(SYS_kill, syscall(SYS_getppid), SIGUSR1);
    syscall(SYS_kill, syscall(SYS_getppid), SIGUSR1);
    in_child = handled;
    sigset_t set;
    sigemptyset(&set);
    syscall(SYS_rt_sigpending, &set, 8);
    _exit(sigismember(&set, SIGUSR1));
  }
  int now = handled;
  say("in the child %d, after vfork %d, child pending: %s", in_child, now, reap(v));
  return 0;
}
