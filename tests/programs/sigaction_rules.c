/* sigaction(): what it refuses, what it tells, KILL and STOP never in a mask, setting to ignore discards what is pending. */
#include "check.h"

static void handler(int sig) { (void)sig; }
struct kernel_action { void *handler; unsigned long flags; void *restorer; unsigned long mask; };
static long action(int sig, struct kernel_action *new, struct kernel_action *old, size_t size) { return syscall(SYS_rt_sigaction, sig, new, old, size); }

int main(void) {
  struct kernel_action a = { 0 }, old;
  show("signal 0", action(0, NULL, &old, 8));
  show("signal 65", action(65, NULL, &old, 8));
  show("signal -1", action(-1, NULL, &old, 8));
  show("wrong size", action(SIGUSR1, NULL, &old, 4));
  show("read KILL", action(SIGKILL, NULL, &old, 8));
  show("set KILL", action(SIGKILL, &a, NULL, 8));
  show("set STOP", action(SIGSTOP, &a, NULL, 8));
  show("bad new", action(SIGUSR1, (void *)8, NULL, 8));
  show("bad old", action(SIGUSR1, NULL, (void *)8, 8));
  a.handler = (void *)handler;
  a.mask = ~0ul;
  a.flags = SA_NODEFER | SA_RESTART;
  show("set", action(SIGUSR1, &a, NULL, 8));
  show("read back", action(SIGUSR1, NULL, &old, 8));
  say("mask without KILL and STOP: %lx, flags %lx, handler %d", ~old.mask, old.flags, old.handler == (void *)handler);
  show("bad old after the change", action(SIGUSR1, &(struct kernel_action){ 0 }, (void *)8, 8));
  action(SIGUSR1, NULL, &old, 8);
  say("which was made: %d", old.handler == SIG_DFL);
  static const int sigs[] = { SIGTERM, SIGCHLD, SIGURG, SIGCONT, RT(1) };
  for (int i = 0; i < 5; i++) {
    block(sigs[i]);
    on_signal(sigs[i], handler);
    kill(getpid(), sigs[i]);
    tgkill_(getpid(), gettid_(), sigs[i]);
    int before = is_pending(sigs[i]);
    on_signal(sigs[i], SIG_DFL);
    int dfl = is_pending(sigs[i]);
    kill(getpid(), sigs[i]);
    int dfl_sent = is_pending(sigs[i]);
    on_signal(sigs[i], SIG_IGN);
    int ign = is_pending(sigs[i]);
    kill(getpid(), sigs[i]);
    say("%d: pending %d, default %d, sent %d, ignored %d, sent %d", sigs[i], before, dfl, dfl_sent, ign, is_pending(sigs[i]));
  }
  return 0;
}
