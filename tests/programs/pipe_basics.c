/* A pipe: bytes in order, end of file after the last writer, capacity, and errors of each end. */
#include "check.h"
#include <sys/ioctl.h>

int main(void) {
  int p[2], n;
  char buffer[100];
  must(pipe(p));
  say("lowest descriptors: %d %d", p[0], p[1]);
  must(write(p[1], "hello ", 6));
  must(write(p[1], "world", 5));
  must(ioctl(p[0], FIONREAD, &n));
  say("waiting: %d", n);
  ssize_t got = read(p[0], buffer, 8);
  say("read %d: %.8s", (int)got, buffer);
  got = read(p[0], buffer, 100);
  say("read %d: %.3s", (int)got, buffer);
  show("read the write end", read(p[1], buffer, 1));
  show("write the read end", write(p[0], buffer, 1));
  show("seek", lseek(p[0], 0, SEEK_SET));
  show("pread", pread(p[0], buffer, 1, 0));
  show("read nothing", read(p[0], buffer, 0));
  struct stat st;
  must(fstat(p[0], &st));
  say("fifo: %d, size %d", S_ISFIFO(st.st_mode), (int)st.st_size);
  say("flags %d %d", fcntl(p[0], F_GETFL) & O_ACCMODE, fcntl(p[1], F_GETFL) & O_ACCMODE);
  must(write(p[1], "last", 4));
  close(p[1]);
  show("last words", read(p[0], buffer, 100));
  show("end", read(p[0], buffer, 100));
  show("still the end", read(p[0], buffer, 100));
  show("pipe2 bad flags", pipe2(p, 0x40));
  must(pipe2(p, O_CLOEXEC | O_NONBLOCK));
  say("cloexec %d, nonblock %d", fcntl(p[0], F_GETFD), !!(fcntl(p[1], F_GETFL) & O_NONBLOCK));
  return 0;
}
