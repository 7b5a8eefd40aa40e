/* futex(): compare and sleep, wake so many, requeue, bitsets, time-outs, errors. */
#include "check.h"

static int word, other, *slept;
static pid_t tid[4];
static struct gate ready;
static void *sleeper(void *arg) {
  *(pid_t *)arg = gettid_();
  open_gate(&ready);
  long r = futex(&word, F_WAIT | F_PRIVATE, 0, NULL);
  if (r == 0) __atomic_add_fetch(slept, 1, __ATOMIC_SEQ_CST);
  return arg;
}

int main(void) {
  struct timespec t = { 0, 2000000 };
  slept = shared_memory(4096);
  ready = new_gate();
  show("value differs", futex(&word, F_WAIT, 1, NULL));
  show("time-out", futex(&word, F_WAIT, 0, &t));
  show("odd address", futex((int *)((char *)&word + 1), F_WAIT, 0, NULL));
  show("unknown operation", futex(&word, 99, 0, NULL));
  show("nobody to wake", futex(&word, F_WAKE, 10, NULL));
  show("bitset 0", syscall(SYS_futex, &word, F_WAIT_BITSET, 0, NULL, NULL, 0));
  t.tv_nsec = -1;
  show("bad time", futex(&word, F_WAIT, 0, &t));

  pthread_t th[4];
  for (int i = 0; i < 4; i++) pthread_create(&th[i], NULL, sleeper, &tid[i]);
  for (int i = 0; i < 4; i++) pass_gate(&ready);
  for (int i = 0; i < 4; i++) wait_asleep(tid[i]);
  show("other address", futex(&other, F_WAKE | F_PRIVATE, 10, NULL));
  show("wake 1", futex(&word, F_WAKE | F_PRIVATE, 1, NULL));
  while (__atomic_load_n(slept, __ATOMIC_SEQ_CST) < 1) sleep_ms(1);
  show("requeue: value differs", syscall(SYS_futex, &word, F_CMP_REQUEUE | F_PRIVATE, 1, 1, &other, 5));
  show("requeue: wake 1, move 1", syscall(SYS_futex, &word, F_CMP_REQUEUE | F_PRIVATE, 1, 1, &other, 0));
  show("wake the moved one", futex(&other, F_WAKE | F_PRIVATE, 10, NULL));
  show("wake the rest", futex(&word, F_WAKE | F_PRIVATE, INT_MAX, NULL));
  for (int i = 0; i < 4; i++) pthread_join(th[i], NULL);
  say("all woken: %d", *slept);

  int *shared = shared_memory(4096);
  pid_t child;
  CHILD(child) _exit(futex(shared, F_WAIT, 0, NULL) == 0 ? 0 : 1);
  wait_asleep(child);
  show("private does not reach another process", futex(shared, F_WAKE | F_PRIVATE, 1, NULL));
  show("shared does", futex(shared, F_WAKE, 1, NULL));
  say("%s", reap(child));
  return 0;
}
