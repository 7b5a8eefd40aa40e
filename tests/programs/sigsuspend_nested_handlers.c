/* During sigsuspend(), pause() and nanosleep() a handler may wait in turn, and be interrupted; each level ends with EINTR. */
#include "check.h"

static pid_t helper;
static int *turn;
static void next(void) { __atomic_add_fetch(turn, 1, __ATOMIC_SEQ_CST); }
static int blocked(int sig) {
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  return sigismember(&now, sig);
}
static void inner(int sig) {
  say("    inner %d: TERM blocked %d, HUP blocked %d", sig, blocked(SIGTERM), blocked(SIGHUP));
}
static void outer(int sig) {
  sigset_t none;
  sigemptyset(&none);
  say("  outer %d: TERM blocked %d, HUP blocked %d", sig, blocked(SIGTERM), blocked(SIGHUP));
  next();
  show("  sigsuspend in the handler", sigsuspend(&none));
  say("  outer %d: TERM blocked %d, HUP blocked %d", sig, blocked(SIGTERM), blocked(SIGHUP));
}

int main(void) {
  turn = shared_memory(4096);
  pid_t me = getpid();
  on_signal(SIGUSR1, outer);
  on_signal(SIGUSR2, inner);
  block(SIGHUP);
  CHILD(helper) {
    for (int i = 1; i < 9; i++) {
      while (__atomic_load_n(turn, __ATOMIC_SEQ_CST) < i) sleep_ms(1);
      wait_asleep(me);
      kill(me, i % 2 ? SIGUSR1 : SIGUSR2);
    }
    _exit(0);
  }
  sigset_t term = set_of(SIGTERM, 0);
  next();
  show("sigsuspend", sigsuspend(&term));
  say("after: TERM blocked %d, HUP blocked %d", blocked(SIGTERM), blocked(SIGHUP));
  next();
  show("pause", pause());
  struct timespec t = { 1000, 0 };
  next();
  show("nanosleep", nanosleep(&t, &t));
  say("time is left: %d", t.tv_sec >= 999);
  struct timeval tv = { 1000, 0 };
  next();
  show("select", select(0, NULL, NULL, NULL, &tv));
  wait_for(helper);
  return 0;
}
