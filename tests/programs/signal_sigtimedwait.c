/* sigtimedwait() takes signals without a handler: pending ones at once, later ones when they come, or EAGAIN. */
#include "check.h"

static void handler(int sig) { say("handler %d", sig); }

int main(void) {
  sigset_t set = set_of(SIGUSR1, SIGTERM, RT(0), 0);
  siginfo_t info;
  struct timespec none = { 0, 0 }, bad = { 0, -1 }, short_time = { 0, 2000000 }, day = { 86400, 0 };
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, handler);
  show("nothing", sigtimedwait_(&set, &info, &none));
  show("nothing in 2 ms", sigtimedwait_(&set, &info, &short_time));
  show("bad time", sigtimedwait_(&set, &info, &bad));
  show("bad size", syscall(SYS_rt_sigtimedwait, &set, &info, &none, 4));
  kill(getpid(), SIGTERM);
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), RT(0), (union sigval){ .sival_int = 6 });
  for (int i = 0; i < 3; i++) {
    int sig = sigtimedwait_(&set, &info, &none);
    say("took %d, si_signo %d, code %d", sig, info.si_signo, info.si_code);
  }
  pid_t me = getpid(), child;
  CHILD(child) {
    wait_asleep(me);
    kill(me, SIGUSR1);
    _exit(0);
  }
  int sig = sigtimedwait_(&set, &info, &day);
  say("slept for %d from the child %d", sig, info.si_pid == child);
  wait_for(child);
  CHILD(child) {
    wait_asleep(me);
    kill(me, SIGUSR2);
    _exit(0);
  }
  show("another signal", sigtimedwait_(&set, &info, &day));
  wait_for(child);
  unblock(SIGUSR1);
  CHILD(child) {
    wait_asleep(me);
    kill(me, SIGUSR1);
    _exit(0);
  }
  sigset_t one = set_of(SIGUSR1, 0);
  sig = sigtimedwait_(&one, &info, &day);
  say("even unblocked, it takes %d", sig);
  wait_for(child);
  return 0;
}
