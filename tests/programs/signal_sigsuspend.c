/* sigsuspend() changes the mask and sleeps in one step; the old mask is back when it returns. */
#include "check.h"

static volatile int seen;
static void handler(int sig) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("handler %d: USR1 blocked %d, USR2 blocked %d", sig, sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
  seen = sig;
}

int main(void) {
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, handler);
  block(SIGUSR1);
  raise(SIGUSR1);
  sigset_t wait_mask = set_of(SIGUSR2, 0), now;
  show("already pending", sigsuspend(&wait_mask));
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("mask restored: USR1 %d USR2 %d", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
  pid_t me = getpid(), child;
  CHILD(child) {
    wait_asleep(me);
    kill(me, SIGUSR2);
    sleep_ms(10);
    wait_asleep(me);
    say("USR2 did not wake it");
    kill(me, SIGUSR1);
    _exit(0);
  }
  show("sleeping", sigsuspend(&wait_mask));
  wait_for(child);
  say("USR2 still pending or handled: %d", is_pending(SIGUSR2) || seen == SIGUSR2);
  show("bad size", syscall(SYS_rt_sigsuspend, &now, 4));
  show("bad pointer", syscall(SYS_rt_sigsuspend, 8, 8));
  return 0;
}
