/* rt_sigprocmask() and rt_sigpending(): errors and their order, how is looked at only with a set, each thread has its own. */
#include "check.h"

static long mask(int how, void *set, void *old, size_t size) { return syscall(SYS_rt_sigprocmask, how, set, old, size); }
static void *thread(void *arg) {
  unsigned long m;
  mask(SIG_SETMASK, NULL, &m, 8);
  say("thread has its maker's: %lx", m);
  m = 0;
  mask(SIG_SETMASK, &m, NULL, 8);
  return arg;
}

int main(void) {
  unsigned long set = ~0ul, old = 0;
  show("bad how", mask(7, &set, NULL, 8));
  show("bad how without a set", mask(7, NULL, &old, 8));
  show("wrong size", mask(SIG_BLOCK, &set, NULL, 16));
  show("bad set", mask(SIG_BLOCK, (void *)8, NULL, 8));
  show("bad old", mask(SIG_BLOCK, NULL, (void *)8, 8));
  show("block all", mask(SIG_BLOCK, &set, &old, 8));
  say("before %lx", old);
  mask(SIG_BLOCK, NULL, &old, 8);
  say("all but KILL and STOP: %lx", ~old);
  set = 0x200;
  show("unblock one", mask(SIG_UNBLOCK, &set, NULL, 8));
  mask(SIG_BLOCK, NULL, &old, 8);
  say("now %lx", ~old);
  set = 0x3f0;
  show("old is written first, in place", mask(SIG_SETMASK, &set, &set, 8));
  say("the old: %lx", ~set);
  mask(SIG_BLOCK, NULL, &old, 8);
  say("the new: %lx", old);
  set = 0x200;
  show("bad old after the change", mask(SIG_SETMASK, &set, (void *)8, 8));
  mask(SIG_BLOCK, NULL, &old, 8);
  say("which was made: %lx", old);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  mask(SIG_BLOCK, NULL, &old, 8);
  say("ours is not touched: %lx", old);
  show("pending: short", syscall(SYS_rt_sigpending, &set, 4));
  show("pending: long", syscall(SYS_rt_sigpending, &set, 16));
  show("pending: bad pointer", syscall(SYS_rt_sigpending, 8, 8));
  show("suspend: wrong size", syscall(SYS_rt_sigsuspend, &set, 4));
  show("suspend: bad pointer", syscall(SYS_rt_sigsuspend, 8, 8));
  return 0;
}
