/* A parent and a child that both want the CPU, and make no system call. */
#include <unistd.h>

int main(void) {
  fork();
  for (volatile int i = 0; i < 5000000; i++) {}
  return 9;
}
