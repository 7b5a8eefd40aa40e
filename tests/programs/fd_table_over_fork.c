/* After fork both processes have all descriptors; closing is private, the offset is shared, the last close ends a pipe. */
#include "check.h"

int main(void) {
  go_to_scratch();
  write_file("file", "abcdefghij", 0644);
  int fd = (int)must(open("file", O_RDWR)), again = (int)must(open("file", O_RDONLY)), p[2];
  char buffer[20] = "";
  must(pipe(p));
  pid_t child;
  CHILD(child) {
    must(read(fd, buffer, 3));
    say("child read %s", buffer);
    must(fcntl(fd, F_SETFL, O_APPEND));
    must(fcntl(fd, F_SETFD, FD_CLOEXEC));
    close(again);
    close(p[0]);
    must(write(p[1], "x", 1));
    _exit(0);
  }
  say("%s", reap(child));
  close(p[1]);
  say("shared offset %d, own offset %d", (int)lseek(fd, 0, SEEK_CUR), (int)lseek(again, 0, SEEK_CUR));
  say("append flag shared: %d, close-on-exec private: %d", !!(fcntl(fd, F_GETFL) & O_APPEND), fcntl(fd, F_GETFD) == 0);
  ssize_t one = read(p[0], buffer, 10), end = read(p[0], buffer, 10);
  say("pipe: %d then end %d", (int)one, (int)end);
  must(write(fd, "K", 1));
  say("appended at %d", (int)lseek(fd, 0, SEEK_CUR) - 1);
  return 0;
}
