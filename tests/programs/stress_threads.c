/* Threads that come and go while others lock, signal and fork. */
#include "check.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int total, forks;
static void handler(int sig) { (void)sig; }
static void *worker(void *arg) {
  int n = *(int *)arg;
  for (int i = 0; i < 20; i++) {
    pthread_mutex_lock(&m);
    total += n;
    pthread_mutex_unlock(&m);
    if (i % 10 == n % 10) {
      pid_t child = fork();
      if (child == 0) _exit(n);
      int status;
      while (waitpid(child, &status, 0) == -1) continue;
      if (WEXITSTATUS(status) == n) __atomic_add_fetch(&forks, 1, __ATOMIC_SEQ_CST);
    }
    kill(getpid(), SIGUSR1);
  }
  return NULL;
}

int main(void) {
  static int numbers[10];
  on_signal_flags(SIGUSR1, handler, SA_RESTART);
  for (int round = 0; round < 5; round++) {
    pthread_t t[10];
    for (int i = 0; i < 10; i++) numbers[i] = i, pthread_create(&t[i], NULL, worker, &numbers[i]);
    for (int i = 0; i < 10; i++) pthread_join(t[i], NULL);
  }
  say("total %d, forks %d", total, forks);
  return 0;
}
