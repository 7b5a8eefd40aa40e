/* Text left in a stdio buffer at fork() is written by both processes; _exit() writes nothing. */
#include "check.h"

int main(void) {
  static char buffer[1000];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  printf("once or twice?\n");
  pid_t child;
  CHILD(child) {
    printf("from the child\n");
    exit(0);
  }
  say("%s", reap(child));
  CHILD(child) _exit(0);
  say("%s", reap(child));
  printf("from the parent\n");
  return 0;
}
