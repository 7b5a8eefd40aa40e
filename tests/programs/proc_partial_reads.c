/* Files of /proc read byte by byte, from an offset, again from the start: the same text; from behind the end nothing. */
#include "check.h"

static void look(const char *path) {
  static char whole[20000], pieces[20000];
  int fd = (int)must(open(path, O_RDONLY));
  ssize_t size = read(fd, whole, sizeof whole), n, at = 0;
  show("  at the end", read(fd, pieces, 10));
  must(lseek(fd, 0, SEEK_SET));
  while ((n = read(fd, pieces + at, 1)) == 1) at++;
  say("%s: byte by byte %d", path, at == size && !memcmp(whole, pieces, (size_t)size));
  n = pread(fd, pieces, 7, 5);
  say("  from 5: %d", n == (size - 5 < 7 ? size - 5 : 7) && !memcmp(whole + 5, pieces, (size_t)n));
  show("  far behind", pread(fd, pieces, 7, 1000000));
  say("  relative: %d", lseek(fd, -1, SEEK_CUR) == size - 1);
  show("  bad pointer", syscall(SYS_pread64, fd, 8, 10, 0));
  must(lseek(fd, 0, SEEK_SET));
  show("  nothing asked for", read(fd, pieces, 0));
  close(fd);
}

int main(void) {
  look("/proc/self/cmdline");
  look("/proc/self/limits");
  look("/proc/self/maps");
  return 0;
}
