/* rt_tgsigqueueinfo() queues for one thread; values of private and shared queues do not mix. */
#include "check.h"

static pid_t tid;
static struct gate ready, go;
static int got[4], n;
static void *thread(void *arg) {
  sigset_t set = set_of(RT(5), 0);
  siginfo_t info;
  tid = gettid_();
  open_gate(&ready);
  pass_gate(&go);
  struct timespec none = { 0, 0 };
  while (sigtimedwait_(&set, &info, &none) > 0) got[n++] = info.si_value.sival_int;
  return arg;
}

int main(void) {
  block(RT(5));
  ready = new_gate();
  go = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pass_gate(&ready);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  info.si_value.sival_int = 1;
  must(syscall(SYS_rt_sigqueueinfo, getpid(), RT(5), &info));
  info.si_value.sival_int = 2;
  must(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, RT(5), &info));
  info.si_value.sival_int = 3;
  must(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), RT(5), &info));
  open_gate(&go);
  pthread_join(t, NULL);
  say("the thread got %d: %d %d", n, got[0], got[1]);
  sigset_t set = set_of(RT(5), 0);
  struct timespec none = { 0, 0 };
  while (sigtimedwait_(&set, &info, &none) > 0) say("left for the leader: %d", info.si_value.sival_int);
  return 0;
}
