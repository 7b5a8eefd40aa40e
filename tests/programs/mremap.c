/* mremap(): grow in place or move, shrink, and the contents come along. */
#include "check.h"

int main(void) {
  int RW = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
  char *p = mmap(NULL, 8 * 4096, RW, anon, -1, 0);
  for (int i = 0; i < 8; i++) p[i * 4096] = (char)('a' + i);
  show_ok("shrink", mremap(p, 8 * 4096, 4 * 4096, 0) == p ? 0 : -1);
  show_ok("grow in place", mremap(p, 4 * 4096, 6 * 4096, 0) == p ? 0 : -1);
  say("%c%c and %d", p[0], p[3 * 4096], p[4 * 4096]);
  char *wall = mmap(p + 6 * 4096, 4096, RW, anon | MAP_FIXED, -1, 0);
  say("wall: %d", wall == p + 6 * 4096);
  show("cannot grow", mremap(p, 6 * 4096, 9 * 4096, 0) == MAP_FAILED ? -1 : 0);
  char *q = mremap(p, 6 * 4096, 9 * 4096, MREMAP_MAYMOVE);
  say("moved: %d, %c%c%d", q != p && q != MAP_FAILED, q[0], q[3 * 4096], q[8 * 4096]);
  show("old place", msync(p, 4096, MS_ASYNC));
  show("not mapped", mremap(p, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  show("odd address", mremap(q + 1, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  show("new size 0", mremap(q, 4096, 0, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
  show("bad flags", mremap(q, 4096, 8192, 64) == MAP_FAILED ? -1 : 0);
  char *to = mmap(NULL, 4096, RW, anon, -1, 0);
  to[0] = 'z';
  say("fixed: %d", mremap(q, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
  say("%c", to[0]);
  pid_t child;
  CHILD(child) {
    say("child has it: %c", to[0]);
    (void)*(volatile char *)q;
    _exit(0);
  }
  say("its old place: %s", reap(child));
  return 0;
}
