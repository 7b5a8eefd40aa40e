/* A storm of timer signals during fork(): each call still gives exactly one child, and never EINTR. */
#include "check.h"

static volatile int ticks;
static void handler(int sig) {
  (void)sig;
  ticks++;
}

int main(void) {
  on_signal(SIGALRM, handler);
  struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
  must(setitimer(ITIMER_REAL, &often, NULL));
  int failed = 0, children = 0;
  while (ticks < 20) {
    pid_t child = fork();
    if (child == -1) failed++;
    if (child == 0) _exit(0);
    children++;
    wait_for(child);
  }
  must(setitimer(ITIMER_REAL, &never, NULL));
  say("forks failed: %d, some worked: %d", failed, children > 0);
  show("left over", wait(NULL));
  return 0;
}
