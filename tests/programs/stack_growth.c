/* The stack grows by itself down to its limit; beyond it is SIGSEGV. */
#include "check.h"

static __attribute__((noinline)) int down(int pages, volatile char *above) {
  volatile char block[4096];
  block[0] = above[0];
  return pages ? down(pages - 1, block) + block[0] : 0;
}

int main(void) {
  char one = 1;
  say("4 MiB deep: %d", down(1000, &one));
  struct rlimit r = { 1 << 20, RLIM_INFINITY };
  pid_t child;
  CHILD(child) {
    must(setrlimit(RLIMIT_STACK, &r));
    say("down %d", down(100, &one));
    _exit(down(2000, &one) != 0);
  }
  say("1 MiB limit: %s", reap(child));
  return 0;
}
