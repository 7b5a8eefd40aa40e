/* A child that writes to a page it shares with its parent, and a parent that waits for it. */
#include <sys/wait.h>
#include <unistd.h>

static volatile int shared = 1;

int main(void) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    shared = 2;
    _exit(7);
  }
  if (waitpid(child, &status, 0) != child) return 1;
  return shared + WEXITSTATUS(status);
}
