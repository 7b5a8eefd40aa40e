/* exec closes descriptors with FD_CLOEXEC and keeps the others, offset and status flags included. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    char c = '?';
    for (int fd = 3; fd < 20; fd++)
      if (fcntl(fd, F_GETFD) != -1) say("%d is open", fd);
    say("offset %d, append %d", (int)lseek(10, 0, SEEK_CUR), !!(fcntl(10, F_GETFL) & O_APPEND));
    ssize_t n = read(12, &c, 1);
    say("pipe still connected: %d %c", (int)n, c);
    return 0;
  }
  go_to_scratch();
  write_file("file", "0123456789", 0644);
  int p[2];
  must(pipe(p));
  must(write(p[1], "p", 1));
  must(dup2(p[0], 12));
  must(dup3(p[1], 13, O_CLOEXEC));
  close(p[0]);
  close(p[1]);
  int fd = (int)must(open("file", O_RDWR | O_APPEND));
  must(lseek(fd, 4, SEEK_SET));
  must(dup2(fd, 10));
  must(dup2(fd, 11));
  must(fcntl(11, F_SETFD, FD_CLOEXEC));
  close(fd);
  must(fcntl(10, F_DUPFD_CLOEXEC, 15));
  must(fcntl(11, F_DUPFD, 16));
  fd = (int)must(open("file", O_RDONLY | O_CLOEXEC));
  say("lowest free was %d", fd);
  char *args[] = { argv[0], "child", NULL };
  execv("/proc/self/exe", args);
  return 1;
}
