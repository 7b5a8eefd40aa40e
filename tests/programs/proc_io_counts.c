/* /proc/PID/io: what was read and written by calls, and how many calls. */
#include "check.h"
#include <sys/sendfile.h>
// differs: in 3.2 sendfile() to a pipe writes page by page, and that counts as well

static char *volatile nowhere = (char *)8;

static void counts(const char *path, long base[4], const char *what) {
  char text[400];
  long now[4];
  int fd = (int)must(open(path, O_RDONLY));
  long n = must(read(fd, text, sizeof text - 1));
  must(close(fd));
  text[n] = 0;
  if (sscanf(text, "rchar: %ld\nwchar: %ld\nsyscr: %ld\nsyscw: %ld\n", now, now + 1, now + 2, now + 3) != 4) say("?");
  if (what) say("%s: rchar %ld, wchar %ld, syscr %ld, syscw %ld", what, now[0] - base[0], now[1] - base[1],
                now[2] - base[2], now[3] - base[3]);
  /* Without the line itself, and this reading. */
  n += 0;
  for (int i = 0; i < 4; i++) base[i] = now[i];
  base[0] += n;
  base[2] += 1;
  if (what) {
    char line[300];
    base[1] += snprintf(line, sizeof line, "%s: rchar %ld, wchar %ld, syscr %ld, syscw %ld\n", what, 0L, 0L, 0L, 0L);
    base[3] += 1;
  }
}

/* The numbers that were said may have more digits: each step begins anew. */
#define STEP(what, ...) do { counts("/proc/self/io", base, NULL); __VA_ARGS__; counts("/proc/self/io", base, what); \
    } while (0)

int main(void) {
  long base[4] = {0, 0, 0, 0};
  char b[100];
  int p[2];
  must(pipe(p));
  STEP("write", write(p[1], "hello", 5));
  STEP("read", read(p[0], b, 2));
  STEP("read of nothing", read(p[0], b, 0));
  STEP("no descriptor", read(99, b, 1));
  STEP("not for reading", read(p[1], b, 1));
  must(fcntl(p[0], F_SETFL, O_NONBLOCK));
  STEP("the rest", read(p[0], b, 10));
  STEP("EAGAIN", read(p[0], b, 10));
  STEP("EFAULT", write(p[1], nowhere, 3));
  struct iovec v[2] = {{(void *)"ab", 2}, {(void *)"cde", 3}};
  STEP("writev", writev(p[1], v, 2));
  STEP("readv of nothing", readv(p[0], v, 0));
  STEP("pread of a pipe", pread(p[0], b, 1, 0));
  int f = (int)must(open("io.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600));
  STEP("pwrite", pwrite(f, "0123456789", 10, 0));
  STEP("pread", pread(f, b, 4, 2));
  STEP("sendfile to a pipe", sendfile(p[1], f, NULL, 7));
  STEP("EOF", pread(f, b, 4, 20));
  must(unlink("io.tmp"));
  pid_t child;
  STEP("what a child does", { CHILD(child) { if (write(p[1], "x", 1) != 1) _exit(1); _exit(0); } reap(child); });
  return 0;
}
