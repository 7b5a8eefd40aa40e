/* A parent that reads from a pipe before its child has written a byte to it. */
#include <unistd.h>

int main(void) {
  int fd[2];
  char byte = 0;
  if (pipe(fd)) return 1;
  if (fork() == 0) {
    write(fd[1], "x", 1);
    _exit(0);
  }
  read(fd[0], &byte, 1);
  return byte == 'x' ? 9 : 1;
}
