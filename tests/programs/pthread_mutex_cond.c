/* Mutexes, conditions, barriers, thread-specific data, cancellation and detached threads of the C library. */
#include "check.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_key_t key;
static int counter, turn;
static void destructor(void *arg) { __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST); }
static int destroyed;

static void *adder(void *arg) {
  int me = *(int *)arg;
  pthread_setspecific(key, &destroyed);
  for (int i = 0; i < 1000; i++) {
    pthread_mutex_lock(&m);
    int n = counter;
    if (i % 100 == 0) sched_yield();
    counter = n + 1;
    pthread_mutex_unlock(&m);
  }
  pthread_barrier_wait(&barrier);
  pthread_mutex_lock(&m);
  while (turn != me) pthread_cond_wait(&c, &m);
  say("turn of %d", me);
  turn++;
  pthread_cond_broadcast(&c);
  pthread_mutex_unlock(&m);
  return (void *)(long)(me * 10);
}
static void cleanup(void *arg) { say("cleaned up %s", (char *)arg); }
static void *endless(void *arg) {
  pthread_cleanup_push(cleanup, arg);
  for (;;) sleep(1000);
  pthread_cleanup_pop(0);
  return NULL;
}

int main(void) {
  pthread_t t[4];
  int number[4];
  pthread_key_create(&key, destructor);
  pthread_barrier_init(&barrier, NULL, 4);
  for (int i = 0; i < 4; i++) number[i] = i, pthread_create(&t[i], NULL, adder, &number[i]);
  void *results[4];
  for (int i = 0; i < 4; i++) pthread_join(t[i], &results[i]);
  for (int i = 0; i < 4; i++) say("thread %d gave %ld", i, (long)results[i]);
  say("counter %d, destructors %d", counter, destroyed);
  pthread_create(&t[0], NULL, endless, "after cancel");
  sleep_ms(30);
  pthread_cancel(t[0]);
  void *result;
  pthread_join(t[0], &result);
  say("cancelled: %d", result == PTHREAD_CANCELED);
  struct timespec past = { 1, 0 };
  pthread_mutex_lock(&m);
  say("timed wait: %s", errname(pthread_cond_timedwait(&c, &m, &past)));
  say("trylock: %s", errname(pthread_mutex_trylock(&m)));
  pthread_mutex_unlock(&m);
  return 0;
}
