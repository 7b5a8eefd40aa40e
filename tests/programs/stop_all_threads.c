/* A stop stops every thread of the process, and is told once. */
#include "check.h"

static int *counter;
static void *spin(void *arg) {
  int *c = arg;
  for (;;) __atomic_add_fetch(c, 1, __ATOMIC_SEQ_CST), sched_yield();
  return NULL;
}

int main(void) {
  counter = shared_memory(4096);
  pid_t child;
  int status;
  CHILD(child) {
    pthread_t t;
    for (int i = 0; i < 3; i++) pthread_create(&t, NULL, spin, &counter[i]);
    for (;;) pause();
  }
  while (!(counter[0] && counter[1] && counter[2])) sleep_ms(1);
  kill(child, SIGSTOP);
  must(waitpid(child, &status, WUNTRACED));
  say("%s", wait_str(status));
  int before[3], same = 0, moved = 0;
  memcpy(before, counter, sizeof before);
  sleep_ms(20);
  for (int i = 0; i < 3; i++) same += before[i] == __atomic_load_n(&counter[i], __ATOMIC_SEQ_CST);
  say("stand still: %d", same);
  show("once", waitpid(child, &status, WUNTRACED | WNOHANG));
  kill(child, SIGCONT);
  must(waitpid(child, &status, WCONTINUED));
  say("%s", wait_str(status));
  for (int i = 0; i < 3; i++) {
    while (before[i] == __atomic_load_n(&counter[i], __ATOMIC_SEQ_CST)) sleep_ms(1);
    moved++;
  }
  say("go on: %d", moved);
  kill(child, SIGTERM);
  say("%s", reap(child));
  return 0;
}
