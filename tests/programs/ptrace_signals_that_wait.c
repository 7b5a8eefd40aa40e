/* Signals that come to a tracee in a stop wait, and are shown one after the other when it goes on; its mask holds them back
   as ever. One sent to a single thread comes before one for all. A tracee that sleeps in sigwait is not shown its signal. */
#include "trace.h"

static void masks(void) {
  block(SIGUSR2);
  kill(getpid(), SIGSTOP);
  unblock(SIGUSR2);
  kill(getpid(), SIGTRAP);
  sigset_t set = set_of(SIGHUP, 0);
  sigprocmask(SIG_BLOCK, &set, NULL);
  siginfo_t info;
  int sig = sigtimedwait_(&set, &info, NULL);
  _exit(sig == SIGHUP ? 8 : 9);
}

int main(void) {
  pid_t pid = start_traced(masks);
  cont(pid, 0);
  next_stop("a stop", pid);
  kill(pid, SIGUSR2);
  kill(pid, SIGALRM);
  kill(pid, SIGHUP);
  tgkill_(pid, pid, SIGTERM);
  kill(pid, SIGHUP);
  no_news("they wait", pid);
  for (int i = 0; i < 5; i++) {
    cont(pid, 0);
    next_stop("then", pid);
    if (i == 3) show_info("then", pid);
  }
  cont(pid, 0);
  wait_asleep(pid);
  kill(pid, SIGHUP);
  next_stop("a signal that is waited for", pid);
  return 0;
}
