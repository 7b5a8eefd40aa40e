/* The log of a program and its child has its lines in another order than ever before, and a test fails.
 *
 * Parent and child write a line each behind the fork. What is to come first has to be written before the fork.
 * After dumb-init #100, a test of its own. */
#include "explored.h"

int main(void) {
  int log[2], status;
  char text[64];
  ssize_t n, size = 0;
  if (pipe(log)) return 98;
#ifdef FIXED
  put(log[1], "starting\n");
#endif
  pid_t child = fork();
  if (child == 0) {
    put(log[1], "ready\n");
    _exit(0);
  }
#ifndef FIXED
  put(log[1], "starting\n");
#endif
  close(log[1]);
  while ((n = read(log[0], text + size, sizeof text - 1 - (size_t)size)) > 0) size += n;
  text[size] = '\0';
  waitpid(child, &status, 0);
  int expected = !strcmp(text, "starting\nready\n");
  put(1, expected ? "passed\n" : "FAILED\n");
  return !expected;
}
