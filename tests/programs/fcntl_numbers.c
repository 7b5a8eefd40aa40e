/* How fcntl() reads its number: F_SETPIPE_SZ as an unsigned int of bytes, descriptors and signals as an unsigned long. */
#include "check.h"
// needs: root
// differs: 3.2 needs one piece of memory for all of a pipe's buffers, and has room for no more than 2^28 bytes

static int p[2];

static void size(unsigned long bytes) {
  char what[40];
  snprintf(what, sizeof what, "size %#lx", bytes);
  show(what, syscall(SYS_fcntl, p[1], F_SETPIPE_SZ, bytes));
  show("  is", fcntl(p[0], F_GETPIPE_SZ));
}

int main(void) {
  static const unsigned long sizes[] = {
    0, 1, 4096, 4097, 1ul << 20, (1ul << 20) + 1, 1ul << 28, (1ul << 28) + 1, 1ul << 31, (1ul << 31) + 1, 0xfffff000,
    0xffffffff, 1ul << 32, (1ul << 32) + 1, (1ul << 32) + 8192, LONG_MAX, ULONG_MAX,
  };
  must(pipe(p));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) size(sizes[i]);
  size(65536);
  static char some[8192];
  must(write(p[1], some, sizeof some));
  say("with two pages in it");
  size(4096);
  size(0);
  must(setuid(1000));
  say("unprivileged");
  size(1ul << 20);
  size((1ul << 20) + 1);
  size(1ul << 31);
  size((1ul << 31) + 1);

  int fd = (int)must(open("/dev/null", O_RDWR));
  show("not a pipe", syscall(SYS_fcntl, fd, F_SETPIPE_SZ, 4096L));
  show("F_DUPFD 2^32", syscall(SYS_fcntl, fd, F_DUPFD, 1L << 32));
  show("F_DUPFD -1", syscall(SYS_fcntl, fd, F_DUPFD, -1L));
  show("F_DUPFD_CLOEXEC 2^40", syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 1L << 40));
  show("F_SETSIG 2^32", syscall(SYS_fcntl, fd, F_SETSIG, 1L << 32));
  show("F_SETSIG 64", syscall(SYS_fcntl, fd, F_SETSIG, 64L));
  show("F_SETOWN, own number and 2^32", syscall(SYS_fcntl, fd, F_SETOWN, 1L << 32 | getpid()));
  say("own number: %d", fcntl(fd, F_GETOWN) == getpid());
  show("F_SETFD 2^32", syscall(SYS_fcntl, fd, F_SETFD, 1L << 32));
  show("F_GETFD", fcntl(fd, F_GETFD));
  return 0;
}
