/* A program that sleeps for a second. */
#include <time.h>

int main(void) {
  const struct timespec second = {.tv_sec = 1};
  return nanosleep(&second, 0) ? 1 : 9;
}
