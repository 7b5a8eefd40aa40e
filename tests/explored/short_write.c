/* A copy is cut short: write() may take less than it is given, and says so.
 *
 * Write the rest. */
#include "explored.h"

static void copy(int fd, const char *data, size_t size) {
#ifdef FIXED
  for (ssize_t n; size; data += n, size -= (size_t)n)
    if ((n = write(fd, data, size)) < 0) _exit(98);
#else
  if (write(fd, data, size) < 0) _exit(98);
#endif
}

int main(void) {
  static const char data[] = "one\ntwo\nthree\n";
  char got[64];
  size_t size = 0;
  ssize_t n;
  int ends[2];
  if (pipe(ends)) return 98;
  pid_t child = fork();
  if (child == 0) {
    copy(ends[1], data, sizeof data - 1);
    _exit(0);
  }
  close(ends[1]);
  while ((n = read(ends[0], got + size, sizeof got - size)) > 0) size += (size_t)n;
  waitpid(child, NULL, 0);
  int cut = size != sizeof data - 1;
  put(1, cut ? "cut short\n" : "all of it\n");
  return cut;
}
