/* Loops that wait for another process, with and without sched_yield(), come to an end: the other one gets its turn. */
#include "check.h"

static volatile int *flag;
static void wait_turn(int n, int yield) {
  while (*flag != n)
    if (yield) sched_yield();
}

int main(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  flag = shared_memory(4096);
  for (int yield = 1; yield >= 0; yield--) {
    pid_t child;
    int rounds = yield ? 40 : 3;
    *flag = 0;
    CHILD(child) {
      for (int i = 0; i < rounds; i++) {
        wait_turn(2 * i + 1, yield);
        *flag = 2 * i + 2;
      }
      _exit(rounds);
    }
    for (int i = 0; i < rounds; i++) {
      *flag = 2 * i + 1;
      wait_turn(2 * i + 2, yield);
    }
    say("%s: %s", yield ? "yielding" : "spinning", reap(child));
  }
  pid_t child;
  CHILD(child) for (;;) continue;
  sleep_ms(2);
  kill(child, SIGTERM);
  say("a loop can be killed: %s", reap(child));
  return 0;
}
