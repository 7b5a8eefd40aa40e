/* Reading files of /proc with large buffers: whole records up to a page, three quarters of a page, or all of it. */
#include "check.h"
// differs: later kernels give all of a command line at once

static char text[1 << 20];
static const char *path;

/* Read with a buffer of that size; say what all pieces have in common. */
static void pieces(size_t size) {
  int fd = (int)must(open(path, O_RDONLY)), reads = 0, most = 0, whole = 1, could_more = 0;
  ssize_t n, total = 0, before = 0;
  while ((n = must(read(fd, text + total, size))) > 0) {
    reads++;
    if (n > most) most = (int)n;
    char *piece = text + total;
    if (piece[n - 1] != '\n') whole = 0;
    char *first = memchr(piece, '\n', (size_t)n);
    if (before && first && before + (first - piece) + 1 < 4096) could_more++;
    before = n;
    total += n;
  }
  close(fd);
  say("%s by %zu: %s, at most %s, %s, %s", path, size, reads == 1 ? "one read" : "several",
      most < 4096 ? "4095" : most == (int)size ? "the buffer" : "more", whole ? "whole lines" : "parts of lines",
      size < 4096 ? "" : could_more ? "one more line would have had room" : "no more line would have had room");
}

/* The sizes of reads, of which the first begins at that position. */
static void from(off_t at, size_t size) {
  int fd = (int)must(open(path, O_RDONLY));
  must(lseek(fd, at, SEEK_SET));
  ssize_t n = must(read(fd, text, size));
  say("%s from %ld by %zu: %s, %s", path, (long)at, size, n < 3800 ? "less" : n < 4300 ? "about a page" : "more",
      n && text[n - 1] == '\n' ? "whole lines" : "parts of lines");
  close(fd);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    path = "/proc/self/cmdline";
    int fd = (int)must(open(path, O_RDONLY));
    for (int i = 0; i < 4; i++) show("cmdline", read(fd, text, sizeof text));
    show("and from 100", pread(fd, text, sizeof text, 100));
    show("from 3000", pread(fd, text, sizeof text, 3000));
    return 0;
  }
  int fd = (int)must(open("/proc/self/exe", O_RDONLY));
  for (int i = 0; i < 300; i++) {
    char *area = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(mprotect(area, 4096, PROT_NONE));
    if (i % 3 == 0) mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  }
  path = "/proc/self/maps";
  pieces(65536);
  pieces(4096);
  pieces(4000);
  pieces(100);
  from(10, 65536);
  from(5000, 65536);
  path = "/proc/self/smaps";
  pieces(65536);
  path = "/proc/self/status";
  pieces(65536);
  path = "/proc/self/limits";
  pieces(65536);
  char long_one[5000];
  memset(long_one, 'x', sizeof long_one - 1);
  long_one[sizeof long_one - 1] = 0;
  execl("/proc/self/exe", argv[0], "again", long_one, NULL);
  return 1;
}
