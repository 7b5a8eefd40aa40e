/* Two tests in two threads of one process each start a child and wait for one: for any, so for the other's as well.
 *
 * Children belong to the process, not to the thread. Wait for the child that was started. After nix #251. */
#include "explored.h"

static int test(int expected) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(expected);
#ifdef FIXED
  waitpid(child, &status, 0);
#else
  (void)child;
  wait(&status);
#endif
  return code(status) == expected;
}

static void *other(void *passed) {
  *(int *)passed = test(5);
  return NULL;
}

int main(void) {
  pthread_t thread;
  int theirs = 0;
  pthread_create(&thread, NULL, other, &theirs);
  int ours = test(3);
  pthread_join(thread, NULL);
  put(1, ours && theirs ? "2 passed\n" : "FAILED\n");
  return !(ours && theirs);
}
