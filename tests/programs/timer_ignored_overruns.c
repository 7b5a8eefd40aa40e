/* Expiries whose signal was ignored are overruns of the first signal that is not. */
// differs: since 6.13 the signal of an ignored timer waits, and comes as soon as it is no longer ignored
#include "check.h"

static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  say("signal %d, code %d, %d overruns", sig, info->si_code, ((int *)info)[5]);
}

int main(void) {
  struct sigevent e;
  int id;
  memset(&e, 0, sizeof e);
  e.sigev_notify = SIGEV_SIGNAL;
  e.sigev_signo = SIGUSR1;
  show("create", syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;

  signal(SIGUSR1, SIG_IGN);
  struct itimerspec times = { { 0, 200000000 }, { 0, 200000000 } };
  show("arm", syscall(SYS_timer_settime, id, 0, &times, NULL));
  sleep_ms(500);
  say("ignored: %ld", syscall(SYS_timer_getoverrun, id));
  sigaction(SIGUSR1, &action, NULL);
  sleep_ms(200);
  say("handled: %ld", syscall(SYS_timer_getoverrun, id));
  sleep_ms(200);
  say("again: %ld", syscall(SYS_timer_getoverrun, id));

  /* A tiny interval is only looked at once in a tick: nobody spends a second on a thousand million expiries. */
  signal(SIGUSR1, SIG_IGN);
  times.it_interval.tv_nsec = times.it_value.tv_nsec = 1;
  show("arm", syscall(SYS_timer_settime, id, 0, &times, NULL));
  sleep_ms(1000);
  show("delete", syscall(SYS_timer_delete, id));
  return 0;
}
