/* What siginfo says, by origin: kill, tgkill, sigqueue, timer, fault, child. */
#include "check.h"

static void handler(int sig, siginfo_t *i, void *context) {
  (void)context;
  if (sig == SIGCHLD)
    say("CHLD: code %d status %d pid ok %d uid %d", i->si_code, i->si_status, i->si_pid > 0, i->si_uid == getuid());
  else if (sig == SIGSEGV) {
    say("SEGV: code %d address %d", i->si_code, i->si_addr == (void *)0x10);
    _exit(0);
  } else
    say("%d: signo %d errno %d code %d pid %s uid %d", sig, i->si_signo, i->si_errno, i->si_code,
        relation(i->si_pid, getpid(), getppid(), -1), i->si_uid == getuid());
}

/* Who is blocked until then cannot come too early. */
static void await_signal(void) {
  sigset_t none;
  sigemptyset(&none);
  sigsuspend(&none);
}

int main(void) {
  for (int sig = 1; sig < 32; sig++)
    if (sig != SIGKILL && sig != SIGSTOP) on_siginfo(sig, handler, 0);
  kill(getpid(), SIGUSR1);
  tgkill_(getpid(), getpid(), SIGUSR2);
  sigqueue(getpid(), SIGTERM, (union sigval){ .sival_int = 5 });
  block(SIGALRM);
  block(SIGCHLD);
  struct itimerval t = { { 0, 0 }, { 0, 1000 } };
  setitimer(ITIMER_REAL, &t, NULL);
  await_signal();
  pid_t child;
  CHILD(child) _exit(7);
  await_signal();
  wait_for(child);
  CHILD(child) raise(SIGKILL);
  await_signal();
  wait_for(child);
  on_signal(SIGCHLD, SIG_DFL);
  CHILD(child) {
    kill(getppid(), SIGHUP);
    _exit(0);
  }
  while (waitpid(child, NULL, WNOHANG) != child) sleep_ms(1);
  say("SEGV next");
  *(volatile int *)0x10 = 1;
  return 1;
}
