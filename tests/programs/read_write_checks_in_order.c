/* What read(2), write(2) and their kin look at first: descriptor, mode, operation, the whole buffer, position. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
// needs: pty
// differs: later kernels cut lengths first, read 0 bytes from sockets, and do not move in the fdinfo files

static char *const kernel = (char *)0xffff800000000000;  /* nobody's memory */
static char *const top = (char *)0x7ffffffff000;         /* where the user's half ends */
static char good[4096];
static volatile size_t minus_one = (size_t)-1; /* what the compiler does not know it cannot warn of */

static char line[900];
static void note(long result) {
  int e = errno;
  char *end = line + strlen(line);
  if (result == -1) snprintf(end, 40, " %s", errname(e));
  else snprintf(end, 40, " %ld", result);
}

static void try_(const char *name, int fd) {
  snprintf(line, sizeof line, "%s, read:", name);
  note(read(fd, kernel, 1));
  note(read(fd, kernel, 0));
  note(read(fd, top, 0));
  note(read(fd, top + 1, 0));
  note(read(fd, good, minus_one));
  note(read(fd, kernel, LONG_MAX));
  say("%s", line);
  snprintf(line, sizeof line, "  write:");
  note(write(fd, kernel, 1));
  note(write(fd, kernel, 0));
  note(write(fd, good, minus_one));
  say("%s", line);

  struct iovec v[2] = { { good, 0 }, { kernel, 1 } };
  snprintf(line, sizeof line, "  vectors:");
  note(readv(fd, v, 2));
  note(writev(fd, v, 2));
  v[1] = (struct iovec){ kernel, 0 };
  note(readv(fd, v, 2));
  v[1] = (struct iovec){ good, (size_t)-1 };
  note(readv(fd, v, 2));
  note(writev(fd, v, 2));
  v[1] = (struct iovec){ good, 1ul << 62 };
  note(writev(fd, v, 2));
  note(syscall(SYS_readv, fd, v, 1025));
  note(syscall(SYS_readv, fd, NULL, 2));
  note(syscall(SYS_readv, fd, NULL, 0));
  say("%s", line);

  snprintf(line, sizeof line, "  at a position:");
  note(pread(fd, kernel, 1, 0));
  note(pread(fd, good, 10, LONG_MAX - 9));
  note(pread(fd, kernel, 10, LONG_MAX - 9));
  note(pread(fd, good, 10, -1));
  note(pread(fd, good, minus_one, 0));
  note(pwrite(fd, kernel, 1, 0));
  note(pwrite(fd, good, 10, LONG_MAX - 9));
  note(pwrite(fd, good, 10, -1));
  say("%s", line);
}

static void far_away(void) {
  int fd = (int)must(open("far", O_RDWR | O_CREAT, 0600));
  must(lseek(fd, LONG_MAX - 5, SEEK_SET));
  show("read 6 bytes, five before the last", read(fd, good, 6));
  show("write 6", write(fd, good, 6));
  show("write 5", write(fd, good, 5));
  show("write 1 more", write(fd, good, 1));
  show("read 1", read(fd, good, 1));
}

int main(void) {
  go_to_scratch();
  static const char *const paths[] = {
    "/dev/null", "/dev/zero", "/dev/full", ".", "/proc", "/proc/self/status", "/proc/self/cmdline", "/proc/self/comm",
    "/proc/version", "/proc/sys/kernel/ostype", "/proc/self/fdinfo/0", "/proc/self/mem", "f", "a",
  };
  write_file("f", "hello", 0600);
  write_file("a", "hello", 0600);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    int fd = open(paths[i], *paths[i] == 'a' ? O_WRONLY | O_APPEND : O_RDWR);
    if (fd == -1 || !strcmp(paths[i], "/proc/sys/kernel/ostype")) fd = (int)must(open(paths[i], O_RDONLY));
    try_(paths[i], fd);
    close(fd);
  }
  try_("no descriptor", -1);
  try_("a path", (int)must(open(".", O_PATH)));

  int p[2];
  must(pipe2(p, O_NONBLOCK));
  try_("a pipe's end for reading", p[0]);
  try_("a pipe's end for writing", p[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
  try_("a stream", p[0]);
  must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p));
  try_("a datagram socket", p[0]);
  try_("an unconnected stream", (int)must(socket(AF_UNIX, SOCK_STREAM, 0)));
  try_("epoll", (int)must(epoll_create(1)));
  try_("eventfd", (int)must(eventfd(0, EFD_NONBLOCK)));
  try_("timerfd", (int)must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)));
  int m = (int)must(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
  try_("a master", m);
  far_away();
  return 0;
}
