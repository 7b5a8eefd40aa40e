/* A message is taken for a broken one: read() may give less than there will be, and says so.
 *
 * Read until all of it is there. */
#include "explored.h"

enum { SIZE = 12 };

int main(void) {
  char got[SIZE];
  size_t size = 0;
  ssize_t n;
  int ends[2];
  if (pipe(ends)) return 98;
  pid_t child = fork();
  if (child == 0) {
    put(ends[1], "twelve bytes");
    _exit(0);
  }
  close(ends[1]);
  do {
    n = read(ends[0], got + size, SIZE - size);
    if (n > 0) size += (size_t)n;
#ifdef FIXED
  } while (n > 0 && size < SIZE);
#else
  } while (0);
#endif
  waitpid(child, NULL, 0);
  int broken = size != SIZE || memcmp(got, "twelve bytes", SIZE);
  put(1, broken ? "broken message\n" : "a message\n");
  return broken;
}
