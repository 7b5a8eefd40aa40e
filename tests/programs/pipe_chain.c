/* Five processes in a row, each adding one to every number on its way. */
#include "check.h"

int main(void) {
  int in = -1, p[2];
  must(pipe(p));
  int first = p[1];
  in = p[0];
  for (int stage = 0; stage < 5; stage++) {
    must(pipe(p));
    pid_t child;
    CHILD(child) {
      close(first);
      close(p[0]);
      int n;
      while (read(in, &n, sizeof n) == sizeof n) {
        n++;
        must(write(p[1], &n, sizeof n));
      }
      _exit(stage);
    }
    close(in);
    close(p[1]);
    in = p[0];
  }
  for (int i = 0; i < 100; i++) must(write(first, &i, sizeof i));
  close(first);
  int n, count = 0, good = 0;
  while (read(in, &n, sizeof n) == sizeof n) good += n == count + 5, count++;
  say("%d numbers, %d right", count, good);
  int sum = 0, status;
  while (wait(&status) > 0) sum += WEXITSTATUS(status);
  say("statuses add up to %d", sum);
  return 0;
}
