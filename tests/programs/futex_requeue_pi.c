/* WAIT_REQUEUE_PI and CMP_REQUEUE_PI: a condition variable whose lock lends priorities. */
// needs: root
#include "check.h"

enum { WAKE = 1, CMP_REQUEUE = 4, LOCK_PI = 6, UNLOCK_PI = 7, WAIT_REQUEUE_PI = 11, CMP_REQUEUE_PI = 12 };
static int *cond, *mutex;

static long wait_pi(int val, const struct timespec *t) { return syscall(SYS_futex, cond, WAIT_REQUEUE_PI, val, t, mutex, 0); }
static long requeue(int wake, int move, int val) {
  return syscall(SYS_futex, cond, CMP_REQUEUE_PI, wake, (long)move, mutex, val);
}
static void on_signal_nothing(int sig) { (void)sig; }
static void whose(const char *who) {
  unsigned w = (unsigned)*mutex;
  say("%s: mutex is %s%s", who, (w & 0x3fffffff) == (unsigned)gettid_() ? "mine" : w & 0x3fffffff ? "another's" : "nobody's",
      w >> 31 ? ", waiters" : "");
}
static pid_t waiter(const char *name, int priority, const struct timespec *t) {
  pid_t child;
  struct gate ready = new_gate();
  CHILD(child) {
    on_signal(SIGUSR1, on_signal_nothing);
    if (priority) {
      struct sched_param p = { .sched_priority = priority };
      must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
    }
    open_gate(&ready);
    long r = show(name, wait_pi(0, t));
    if (!r) {
      whose(name);
      must(futex(mutex, UNLOCK_PI, 0, NULL));
    }
    _exit(0);
  }
  pass_gate(&ready);
  wait_asleep(child);
  return child;
}

int main(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  must(sched_setaffinity(0, sizeof one, &one));
  cond = shared_memory(4096);
  mutex = shared_memory(4096);
  pid_t a, b, c;
  say("-- nobody there");
  show("requeue", requeue(1, 1, 0));
  show("another value", requeue(1, 1, 5));
  show("wake two", requeue(2, 1, 0));
  show("wait for another value", wait_pi(3, NULL));

  say("-- the lock is free");
  a = waiter("a", 0, NULL);
  show("WAKE", futex(cond, WAKE, 1, NULL));
  show("CMP_REQUEUE", syscall(SYS_futex, cond, CMP_REQUEUE, 1, 1L, mutex, 0));
  long r = requeue(1, 0, 0);
  wait_for(a);
  show("requeue", r);
  say("word %d", *mutex);

  say("-- the lock is held");
  must(futex(mutex, LOCK_PI, 0, NULL));
  a = waiter("normal", 0, NULL);
  b = waiter("FIFO 7", 7, NULL);
  c = waiter("FIFO 3", 3, NULL);
  show("requeue", requeue(1, 5, 0));
  whose("me");
  must(futex(mutex, UNLOCK_PI, 0, NULL));
  wait_for(a);
  wait_for(b);
  wait_for(c);
  must(futex(mutex, LOCK_PI, 0, NULL));
  whose("me");
  must(futex(mutex, UNLOCK_PI, 0, NULL));

  say("-- one of two");
  a = waiter("a", 2, NULL);
  b = waiter("b", 1, NULL);
  must(futex(mutex, LOCK_PI, 0, NULL));
  show("requeue", requeue(1, 0, 0));
  must(futex(mutex, UNLOCK_PI, 0, NULL));
  wait_for(a);
  r = requeue(1, 0, 0);
  wait_for(b);
  show("requeue", r);

  say("-- time and signals");
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  show("in the past", wait_pi(0, &t));
  must(futex(mutex, LOCK_PI, 0, NULL));
  a = waiter("signal before", 0, NULL);
  kill(a, SIGUSR1);
  wait_asleep(a);
  *cond = 1;
  kill(a, SIGUSR1);
  wait_for(a);
  *cond = 0;
  a = waiter("signal behind", 0, NULL);
  show("requeue", requeue(1, 1, 0));
  kill(a, SIGUSR1);
  wait_for(a);
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += 1;
  a = waiter("time is over behind", 0, &t);
  show("requeue", requeue(1, 1, 0));
  wait_for(a);
  must(futex(mutex, UNLOCK_PI, 0, NULL));
  say("word %d", *mutex);

  say("-- wrong");
  a = waiter("a", 0, NULL);
  *mutex = 30000;
  show("the owner is nobody", requeue(1, 1, 0));
  *mutex = 0;
  show("another lock", syscall(SYS_futex, cond, CMP_REQUEUE_PI, 1, 1L, mutex + 1, 0));
  r = requeue(1, 1, 0);
  wait_for(a);
  show("right", r);
  CHILD(a) {
    futex(cond, 0, 0, NULL);
    _exit(0);
  }
  wait_asleep(a);
  show("who waits as usual", requeue(1, 1, 0));
  kill(a, SIGKILL);
  waitpid(a, NULL, 0);
  return 0;
}
