/* A program that executes itself once. */
#include <unistd.h>

int main(int argc, char **argv) {
  char *const again[] = {argv[0], "again", 0};
  if (argc == 2) return 9;
  execve(argv[0], again, argv + argc);
  return 1;
}
