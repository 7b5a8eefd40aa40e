/* exit_group() from any thread, and a fatal signal to any thread, end the whole process with one status. */
#include "check.h"

static int how;
static void *idle(void *arg) {
  for (;;) pause();
  return arg;
}
static void *spin(void *arg) {
  for (volatile int i = 0;; i++) continue;
  return arg;
}
static void *ender(void *arg) {
  if (how == 0) exit(31);
  if (how == 1) syscall(SYS_exit_group, 32);
  if (how == 2) tgkill_(getpid(), gettid_(), SIGUSR1);
  if (how == 3) kill(getpid(), SIGKILL);
  if (how == 4) abort();
  if (how == 5) *(volatile int *)8 = 1;
  return arg;
}

int main(void) {
  for (how = 0; how < 6; how++) {
    pid_t child;
    CHILD(child) {
      pthread_t t;
      for (int i = 0; i < 3; i++) pthread_create(&t, NULL, idle, NULL);
      pthread_create(&t, NULL, spin, NULL);
      pthread_create(&t, NULL, ender, NULL);
      for (;;) pause();
    }
    say("%d: %s", how, reap(child));
  }
  return 0;
}
