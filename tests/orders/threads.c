/* The same with two threads, one of which is main. */
#include <pthread.h>
#include <stdio.h>

#define TIMES 10000

static volatile int shared;
static void *count(void *arg) {
  for (int n = 0; n < TIMES; n++) {
    int seen = shared;
    __asm__ volatile("jmp 1f; 1:" : "+r"(seen)); /* a turn ends between two blocks of code */
    shared = seen + 1;
  }
  return arg;
}
int main(void) {
  pthread_t t;
  pthread_create(&t, NULL, count, NULL);
  count(NULL);
  pthread_join(t, NULL);
  puts(shared == 2 * TIMES ? "kept" : "lost");
  return 0;
}
