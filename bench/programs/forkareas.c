// fork + exit + wait of a process with 1000 areas of memory, every other with a page in it, argv[1] times
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAIRS = 500 };

int main(int argc, char **argv) {
  for (int i = 0; i < PAIRS; i++) {
    // Neighbours that may not be joined.
    char *area = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || mprotect(area + 4096, 4096, PROT_NONE)) return 1;
    *area = 1;
  }
  for (int n = atoi(argv[argc - 1]); n > 0; n--) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid < 0 || waitpid(pid, 0, 0) != pid) return 1;
  }
  return 0;
}
