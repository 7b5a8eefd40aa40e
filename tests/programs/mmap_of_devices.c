/* Mapping /dev/zero, /dev/full and /dev/null; MAP_32BIT, which looks for room below 2 GiB, from below. */
#include "check.h"

static int opened(const char *path) { return (int)must(open(path, O_RDWR)); }

static char *map(const char *what, size_t size, int flags, int fd) {
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (p == MAP_FAILED) say("%s: %s", what, errname(errno));
  else say("%s: ok, %s", what, (uintptr_t)p < 0x80000000 ? "low" : "high");
  return p;
}

int main(void) {
  int zero = opened("/dev/zero"), full = opened("/dev/full"), null = opened("/dev/null");
  char *own = map("zero, private", 8192, MAP_PRIVATE, zero), *shared = map("zero, shared", 8192, MAP_SHARED, zero);
  map("full, private", 4096, MAP_PRIVATE, full);
  map("full, shared", 4096, MAP_SHARED, full);
  map("null, private", 4096, MAP_PRIVATE, null);
  pid_t child;
  CHILD(child) {
    own[4096] = shared[4096] = 'c';
    _exit(own[0] + shared[0]);
  }
  say("%s", reap(child));
  say("of the child's bytes: private %d, shared %d", own[4096], shared[4096]);

  char *low[3];
  for (int i = 0; i < 3; i++) {
    low[i] = map("low", 4096 << i, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1);
    memset(low[i], i, 4096UL << i);
  }
  must(munmap(low[0], 4096));
  char *again = map("where room is again", 4096, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1);
  say("zeroed: %s", *again ? "no" : "yes");
  map("more than there is below", 1UL << 31, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_NORESERVE, -1);
  return 0;
}
