/* A line comes out twice, because a handler prints: output that is buffered is in the midst of something.
 *
 * flush() has written the buffer and not yet emptied it when the handler flushes it again. printf() and its kin are
 * of this kind. Let the handler note the signal, and print outside. After workhorse #76. */
#include "explored.h"

static char buffer[64];
static size_t used;
static volatile sig_atomic_t noted;

static void flush(void) {
  if (write(1, buffer, used) < 0) _exit(98);
  used = 0;
}
static void print(const char *line) {
  size_t size = strlen(line);
  memcpy(buffer + used, line, size);
  used += size;
  flush();
}
static void handler(int sig) {
  (void)sig;
#ifdef FIXED
  noted = 1;
#else
  print("signal\n");
#endif
}

int main(void) {
  signal(SIGUSR1, handler);
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    kill(parent, SIGUSR1);
    _exit(0);
  }
  print("work\n");
  waitpid(child, NULL, 0);
  if (noted) print("signal\n");
  return 0;
}
