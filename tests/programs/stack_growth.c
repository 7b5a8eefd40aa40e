/* The stack grows by itself down to its limit; beyond it is SIGSEGV. */
#include "check.h"

static int down(int pages) {
  volatile char block[4096];
  block[0] = (char)pages;
  block[4095] = 1;
  return pages ? down(pages - 1) + block[4095] : 0;
}

int main(void) {
  say("4 MiB deep: %d", down(1000));
  struct rlimit r = { 1 << 20, RLIM_INFINITY };
  pid_t child;
  CHILD(child) {
    must(setrlimit(RLIMIT_STACK, &r));
    say("down %d", down(100));
    _exit(down(2000) != 0);
  }
  say("1 MiB limit: %s", reap(child));
  return 0;
}
