/* Signals that all threads block, sent to the process, go to the thread that waits for them; each is taken once. */
#include "check.h"

static sigset_t set;
static volatile int taken[2];
static void *waiter(void *arg) {
  int i = *(int *)arg;
  for (;;) {
    siginfo_t info;
    int sig = sigtimedwait_(&set, &info, NULL);
    if (sig == SIGTERM) return arg;
    if (sig > 0) __sync_fetch_and_add(&taken[i], 1);
  }
}

int main(void) {
  static int number[] = { 0, 1 };
  set = set_of(SIGUSR1, SIGTERM, RT(0), 0);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
  pthread_t t[2];
  for (int i = 0; i < 2; i++) pthread_create(&t[i], NULL, waiter, &number[i]);
  for (int i = 0; i < 50; i++) must(sigqueue(getpid(), RT(0), (union sigval){ .sival_int = i }));
  for (int i = 0; i < 5000 && taken[0] + taken[1] < 50; i++) sleep_ms(1);
  say("real-time: %d", taken[0] + taken[1]);
  for (int i = 0; i < 5; i++) {
    int before = taken[0] + taken[1];
    kill(getpid(), SIGUSR1);
    for (int n = 0; n < 5000 && taken[0] + taken[1] == before; n++) sleep_ms(1);
  }
  say("standard: %d", taken[0] + taken[1] - 50);
  kill(getpid(), SIGTERM);
  sleep_ms(2);
  while (is_pending(SIGTERM)) sleep_ms(1);
  kill(getpid(), SIGTERM);
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
  say("both ended; nothing pending: %d %d", is_pending(SIGUSR1), is_pending(RT(0)));
  return 0;
}
