/* Gather and scatter, partial buffers, limits; sendfile. */
#include "check.h"
#include <sys/sendfile.h>

int main(void) {
  int p[2];
  char a[4] = "", b[6] = "", big[100];
  must(pipe(p));
  struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "twothree", 8 } }, in[2] = { { a, 3 }, { b, 5 } };
  show("writev", writev(p[1], out, 3));
  show("readv", readv(p[0], in, 2));
  say("%s %s", a, b);
  show("rest", readv(p[0], in, 2));
  show("no buffers", writev(p[1], out, 0));
  show("too many", syscall(SYS_writev, p[1], out, 2000));
  struct iovec negative = { big, (size_t)-1 };
  show("negative length", writev(p[1], &negative, 1));
  go_to_scratch();
  write_file("f", "0123456789", 0644);
  int fd = (int)must(open("f", O_RDONLY));
  off_t off = 4;
  show("sendfile", sendfile(p[1], fd, &off, 100));
  say("offset %d, file position %d", (int)off, (int)lseek(fd, 0, SEEK_CUR));
  ssize_t n = read(p[0], big, sizeof big);
  say("%.*s", (int)n, big);
  show("sendfile from a pipe", sendfile(p[1], p[0], NULL, 1));
  return 0;
}
