/* Reading a file ahead: on a file system that is memory there is nothing to read from. */
// differs: 3.2 answers EINVAL where a file system has no readpage, and tmpfs has none since 3.1; since 3.6 the advice is taken by any
#include "check.h"

static void each(const char *what, int fd) {
  say("%s", what);
  show("  readahead", syscall(SYS_readahead, fd, 0L, 4096UL));
  for (int advice = 0; advice < 7; advice++) show("  fadvise", syscall(SYS_fadvise64, fd, 0L, 0L, advice));
}

int main(void) {
  int ends[2];
  go_to_scratch();
  write_file("f", "text", 0644);
  must(pipe(ends));
  each("a file", must(open("f", O_RDWR)));
  each("a file open for writing", must(open("f", O_WRONLY)));
  each("a directory", must(open(".", O_RDONLY)));
  each("a pipe", ends[0]);
  each("/dev/null", must(open("/dev/null", O_RDWR)));
  return 0;
}
