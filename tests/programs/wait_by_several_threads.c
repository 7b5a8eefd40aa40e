/* Several threads wait for children: each child is reaped by one of them; who finds none any more is told ECHILD. */
#include "check.h"

enum { THREADS = 4, CHILDREN = 12 };
static volatile int reaped, echild, other;
static pid_t one;
static void *any(void *arg) {
  for (;;) {
    int s;
    pid_t r = waitpid(-1, &s, 0);
    if (r > 0 && WIFEXITED(s) && WEXITSTATUS(s) == 3) __sync_fetch_and_add(&reaped, 1);
    else if (r == -1 && errno == ECHILD) {
      __sync_fetch_and_add(&echild, 1);
      return arg;
    } else __sync_fetch_and_add(&other, 1);
  }
}
static void *that_one(void *arg) {
  int s;
  pid_t r = waitpid(one, &s, 0);
  __sync_fetch_and_add(r == one ? &reaped : r == -1 && errno == ECHILD ? &echild : &other, 1);
  return arg;
}
static void *own_children_only(void *arg) {
  show("thread without children of its own, __WNOTHREAD", waitpid(-1, NULL, __WNOTHREAD | WNOHANG));
  return arg;
}

int main(void) {
  pthread_t t[THREADS];
  struct gate go = new_gate();
  for (int i = 0; i < CHILDREN; i++) {
    pid_t c;
    CHILD(c) {
      pass_gate(&go);
      _exit(3);
    }
  }
  pthread_create(&t[0], NULL, own_children_only, NULL);
  pthread_join(t[0], NULL);
  for (int i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, any, NULL);
  for (int i = 0; i < CHILDREN; i++) open_gate(&go);
  for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
  say("any: reaped %d, ECHILD %d, other %d", reaped, echild, other);
  reaped = echild = 0;
  CHILD(one) {
    pass_gate(&go);
    _exit(3);
  }
  for (int i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, that_one, NULL);
  sleep_ms(2);
  open_gate(&go);
  for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
  say("one: reaped %d, ECHILD %d, other %d", reaped, echild, other);
  return 0;
}
