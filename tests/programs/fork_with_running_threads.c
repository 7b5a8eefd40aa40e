/* fork() while other threads run, sleep and fork themselves: each child has one thread and the memory of one moment. */
#include "check.h"

static volatile int stop;
static volatile long a, b;
static void *counts(void *arg) {
  while (!stop) {
    a++;
    b++;
  }
  return arg;
}
static void *sleeps(void *arg) {
  while (!stop) usleep(200);
  return arg;
}
static volatile int forked, bad;
static void *forks(void *arg) {
  for (int i = 0; i < 15; i++) {
    pid_t c = fork();
    if (c == 0) {
      long d = a - b;
      int threads = 0, fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
      struct stat st;
      fstat(fd, &st);
      threads = (int)st.st_nlink - 2;
      _exit((d == 0 || d == 1) && threads == 1 ? 1 : 2);
    }
    int s = wait_for(c);
    if (WEXITSTATUS(s) == 1) __sync_fetch_and_add(&forked, 1);
    else __sync_fetch_and_add(&bad, 1);
  }
  return arg;
}

int main(void) {
  pthread_t t[5];
  pthread_create(&t[0], NULL, counts, NULL);
  pthread_create(&t[1], NULL, sleeps, NULL);
  for (int i = 2; i < 5; i++) pthread_create(&t[i], NULL, forks, NULL);
  for (int i = 2; i < 5; i++) pthread_join(t[i], NULL);
  stop = 1;
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
  say("good %d, bad %d", forked, bad);
  return 0;
}
