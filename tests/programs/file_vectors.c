/* readv, writev, preadv, pwritev and sendfile on files and pipes: one call, one transfer. */
#include "check.h"
#include <sys/sendfile.h>

int main(void) {
  char a[4] = "", b[5] = "", c[20] = "";
  void *volatile nowhere = (void *)8;
  int p[2];
  go_to_scratch();
  int fd = (int)must(open("f", O_CREAT | O_RDWR, 0644));
  struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}};
  struct iovec in[3] = {{a, 3}, {b, 4}, {c, 19}};
  show("writev", writev(fd, out, 3));
  show("position", lseek(fd, 0, SEEK_CUR));
  must(lseek(fd, 0, SEEK_SET));
  show("readv", readv(fd, in, 3));
  say("%s|%s|%s", a, b, c);
  show("pwritev", pwritev(fd, out, 3, 6));
  memset(c, 0, sizeof c);
  show("preadv", preadv(fd, in + 2, 1, 2));
  say("%s at %d", c, (int)lseek(fd, 0, SEEK_CUR));

  must(pipe(p));
  show("writev to a pipe", writev(p[1], out, 3));
  memset(c, 0, sizeof c);
  show("readv does not wait for a second buffer", readv(p[0], in, 3));
  say("%s|%s|%s", a, b, c);
  show("preadv of a pipe", preadv(p[0], in, 1, 0));
  show("readv of nothing", readv(fd, in, 0));
  volatile int many = 1025;
  show("too many", readv(fd, in, many));
  struct iovec bad = {a, (size_t)-1};
  show("negative length", readv(fd, &bad, 1));
  show("bad array", readv(fd, nowhere, 2));
  struct iovec half[2] = {{"ok", 2}, {nowhere, 4}};
  must(lseek(fd, 0, SEEK_SET));
  show("bad second buffer", writev(p[1], half, 2) == -1 ? -1 : 0);

  off_t at = 2;
  must(pipe(p));
  show("sendfile", sendfile(p[1], fd, &at, 5));
  memset(c, 0, sizeof c);
  show("arrived", read(p[0], c, 19));
  say("%s, offset %d, position %d", c, (int)at, (int)lseek(fd, 0, SEEK_CUR));
  show("sendfile at the end", sendfile(p[1], fd, &(off_t){1000}, 5));

  int app = (int)must(open("f", O_WRONLY | O_APPEND));
  show("pwrite with O_APPEND", pwrite(app, "!", 1, 0));
  struct stat st;
  must(fstat(fd, &st));
  say("size %d", (int)st.st_size);
  show("lseek a pipe", lseek(p[0], 0, SEEK_CUR));
  show("lseek before the start", lseek(fd, -1, SEEK_SET));
  show("SEEK_HOLE", lseek(fd, 0, SEEK_HOLE));
  show("SEEK_DATA beyond the end", lseek(fd, 1000, SEEK_DATA));
  show("ftruncate read-only", ftruncate((int)must(open("f", O_RDONLY)), 1));
  show("ftruncate", ftruncate(fd, 5000));
  memset(c, 1, sizeof c);
  show("read the new end", pread(fd, c, 19, 4990));
  say("zeros: %d", !memcmp(c, "\0\0\0\0\0\0\0\0\0", 10));
  return 0;
}
