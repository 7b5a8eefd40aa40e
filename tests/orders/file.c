/* Two processes count in a file: whoever reads before the other has written loses an update. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES 3

int main(void) {
  int fd = open("/tmp/counter", O_RDWR | O_CREAT | O_TRUNC, 0600), value = 0;
  pwrite(fd, &value, sizeof value, 0);
  for (int i = 0; i < 2; i++)
    if (fork() == 0) {
      for (int n = 0; n < TIMES; n++) {
        pread(fd, &value, sizeof value, 0);
        value++;
        pwrite(fd, &value, sizeof value, 0);
      }
      _exit(0);
    }
  while (wait(NULL) > 0) continue;
  pread(fd, &value, sizeof value, 0);
  puts(value == 2 * TIMES ? "kept" : "lost");
  return 0;
}
