/* A single string has at most 128 KiB; all of them together a quarter of the stack limit. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1 && argv[0][0] == 'c') {
    say("executed with %d strings", argc);
    return 0;
  }
  const size_t limit = 131072;
  char *big = malloc(limit + 1);
  memset(big, 'b', limit + 1);
  char *args[200] = { "child", big };
  big[limit] = 0;
  show("one byte too long", execv(argv[0], args));
  big[limit - 1] = 0;
  pid_t child;
  CHILD(child) {
    execv(argv[0], args);
    _exit(1);
  }
  say("just fits: %s", reap(child));
  struct rlimit r = { 1 << 20, RLIM_INFINITY };
  CHILD(child) {
    must(setrlimit(RLIMIT_STACK, &r));
    for (int i = 1; i < 6; i++) args[i] = big;
    show("more than a quarter of the stack", execv(argv[0], args));
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
