/* Two forks, a pipe, two waits: who writes first, and whom wait() finds first; two_children.py in C. */
#include <sys/wait.h>
#include <unistd.h>

static void put(int fd, const char *text, size_t size) {
  if (write(fd, text, size) != (ssize_t)size) _exit(9);
}

int main(void) {
  char line[] = "?? ??\n";
  int ends[2], status;
  if (pipe(ends)) return 9;
  for (int i = 0; i < 2; i++)
    if (fork() == 0) {
      put(ends[1], i ? "b" : "a", 1);
      _exit(i + 1);
    }
  for (int i = 0; i < 2; i++) {
    wait(&status);
    line[3 + i] = (char)('0' + WEXITSTATUS(status));
  }
  if (read(ends[0], line, 2) != 2) return 9;
  put(1, line, sizeof line - 1);
  return 0;
}
