/* pthread_cancel() ends threads that wait in calls, runs their clean-up, and leaves those that do not let it. */
#include "check.h"
#include <semaphore.h>

static int p[2];
static sem_t semaphore;
static volatile int cleaned;
static void cleanup(void *arg) { cleaned += *(int *)arg; }
static int one = 1;
static void *in_read(void *arg) {
  pthread_cleanup_push(cleanup, &one);
  char c;
  must(read(p[0], &c, 1));
  pthread_cleanup_pop(0);
  return arg;
}
static void *in_sleep(void *arg) {
  pthread_cleanup_push(cleanup, &one);
  struct timespec t = { 1000, 0 };
  nanosleep(&t, NULL);
  pthread_cleanup_pop(0);
  return arg;
}
static void *in_pause(void *arg) {
  pthread_cleanup_push(cleanup, &one);
  pause();
  pthread_cleanup_pop(0);
  return arg;
}
static void *in_semaphore(void *arg) {
  pthread_cleanup_push(cleanup, &one);
  sem_wait(&semaphore);
  pthread_cleanup_pop(0);
  return arg;
}
static void *in_wait(void *arg) {
  pthread_cleanup_push(cleanup, &one);
  waitpid(-1, NULL, 0);
  pthread_cleanup_pop(0);
  return arg;
}
static void *refuses(void *arg) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  char c;
  must(read(p[0], &c, 1));
  return arg;
}

int main(void) {
  static void *(*const bodies[])(void *) = { in_read, in_sleep, in_pause, in_semaphore, in_wait };
  static const char *const names[] = { "read", "nanosleep", "pause", "semaphore", "wait" };
  must(pipe(p));
  sem_init(&semaphore, 0, 0);
  pid_t child;
  CHILD(child) for (;;) pause();
  for (int i = 0; i < 5; i++) {
    for (int late = 0; late < 2; late++) {
      pthread_t t;
      void *result;
      pthread_create(&t, NULL, bodies[i], NULL);
      if (late) sleep_ms(2);
      pthread_cancel(t);
      pthread_join(t, &result);
      say("%s: cancelled %d", names[i], result == PTHREAD_CANCELED);
    }
  }
  pthread_t t;
  void *result;
  pthread_create(&t, NULL, refuses, &one);
  sleep_ms(2);
  pthread_cancel(t);
  must(write(p[1], "x", 1));
  pthread_join(t, &result);
  say("refused: its own result %d", result == &one);
  kill(child, SIGKILL);
  wait_for(child);
  return 0;
}
