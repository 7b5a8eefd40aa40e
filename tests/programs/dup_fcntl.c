/* dup(), dup2(), dup3() and fcntl(): lowest numbers, flags, limits, errors. */
#include "check.h"

int main(void) {
  int fd = (int)must(open("/dev/null", O_RDWR));
  show("dup", dup(fd));
  show("dup2 to 50", dup2(fd, 50));
  show("dup2 to itself", dup2(fd, fd));
  show("dup2 of a closed one to itself", dup2(99, 99));
  show("dup3 to itself", dup3(fd, fd, 0));
  show("dup3 cloexec", dup3(fd, 51, O_CLOEXEC));
  say("flag of 51: %d, of 50: %d", fcntl(51, F_GETFD), fcntl(50, F_GETFD));
  show("dup3 bad flags", dup3(fd, 52, O_APPEND));
  show("dup2 negative", dup2(fd, -1));
  show("dup2 beyond the limit", dup2(fd, 1 << 20));
  show("F_DUPFD from 40", fcntl(fd, F_DUPFD, 40));
  show("F_DUPFD from 50", fcntl(fd, F_DUPFD, 50));
  show("F_DUPFD too high", fcntl(fd, F_DUPFD, 1 << 20));
  show("bad command", fcntl(fd, 1000));
  show("closed", fcntl(99, F_GETFD));
  close(50);
  show("closed again", close(50));
  int n = 0, other;
  close(fd);
  show("lowest free", open("/dev/null", O_RDONLY));
  while ((other = dup(0)) != -1) n = other;
  say("last one %d, then %s", n, errname(errno));
  show("open", open("/dev/null", O_RDONLY));
  show("pipe", pipe((int[2]){ 0, 0 }));
  close(100);
  show("one is free: pipe", pipe((int[2]){ 0, 0 }));
  show("one is free: dup", dup(0));
  return 0;
}
