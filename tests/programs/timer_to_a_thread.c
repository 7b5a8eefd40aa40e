/* SIGEV_THREAD_ID: the signal is for that thread alone, also when others could take it. */
#include "check.h"

static volatile pid_t handled_by;
static void handler(int sig) {
  (void)sig;
  handled_by = gettid_();
}

int main(void) {
  on_signal_flags(SIGUSR1, handler, SA_RESTART);
  struct idle_thread idle;
  begin_idle(&idle);
  struct sigevent e;
  memset(&e, 0, sizeof e);
  e.sigev_notify = SIGEV_THREAD_ID;
  e.sigev_signo = SIGUSR1;
  *(int *)((char *)&e + offsetof(struct sigevent, sigev_notify) + 4) = idle.tid;
  int id;
  must(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
  struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } };
  must(syscall(SYS_timer_settime, id, 0, &soon, NULL));
  while (!handled_by) sleep_ms(1);
  say("handled by the thread: %d", handled_by == idle.tid);
  end_idle(&idle);
  handled_by = 0;
  show("the thread is gone: arm", syscall(SYS_timer_settime, id, 0, &soon, NULL));
  sleep_ms(5);
  say("nobody gets it: %d", handled_by == 0);
  return 0;
}
