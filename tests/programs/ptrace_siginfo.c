/* PTRACE_GETSIGINFO and SETSIGINFO: what a signal carries, read and changed by the tracer; what a handler sees of it.
   A death is by the changed number. */
#include "trace.h"

static void take(int sig, siginfo_t *info, void *context) {
  (void)context;
  say("[%s: si_signo %s, code %d, errno %d, value %d]", signame(sig), signame(info->si_signo), info->si_code,
      info->si_errno, info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
}
static void signals(void) {
  on_siginfo(SIGUSR1, take, 0);
  on_siginfo(SIGUSR2, take, 0);
  union sigval value = { .sival_int = 7 };
  for (int i = 0; i < 3; i++) sigqueue(getpid(), SIGUSR1, value);
  volatile int *nowhere = (int *)64;
  *nowhere = 1;
}

int main(void) {
  siginfo_t info;
  pid_t pid = start_traced(signals);
  show_ok("to nowhere", trace(PTRACE_GETSIGINFO, pid, 0, 8));
  show_ok("from nowhere", trace(PTRACE_SETSIGINFO, pid, 0, 8));
  cont(pid, 0);
  for (int i = 0; i < 3; i++) {
    next_stop("a queued signal", pid);
    must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
    say("code %d, value %d", info.si_code, info.si_value.sival_int);
    info.si_value.sival_int = 8 + i;
    info.si_errno = 5;
    if (i == 1) info.si_signo = SIGUSR2;
    must(trace(PTRACE_SETSIGINFO, pid, 0, (unsigned long)&info));
    memset(&info, 0, sizeof info);
    must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
    say("now signo %s, value %d", signame(info.si_signo), info.si_value.sival_int);
    cont(pid, SIGUSR1);
  }
  next_stop("a fault", pid);
  must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
  say("code %d, address %ld", info.si_code, (long)info.si_addr);
  info.si_signo = SIGTERM;
  must(trace(PTRACE_SETSIGINFO, pid, 0, (unsigned long)&info));
  cont(pid, SIGTERM);
  int status = wait_trace(pid);
  say("the end: %s", trace_str(status & ~0x80));
  return 0;
}
