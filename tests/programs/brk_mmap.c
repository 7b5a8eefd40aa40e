/* brk() moves the end of the heap; what it gives back reads as zero when it comes again. */
#include "check.h"

static uintptr_t brk_(uintptr_t to) { return (uintptr_t)syscall(SYS_brk, to); }

int main(void) {
  uintptr_t start = brk_(0);
  say("grow: %d", brk_(start + 3 * 4096) == start + 3 * 4096);
  char *p = (char *)((start + 4095) & ~4095UL);
  say("zero: %d", p[0] == 0 && p[4096] == 0);
  memset(p, 1, 8192);
  say("shrink: %d", brk_((uintptr_t)p) == (uintptr_t)p);
  say("grow: %d", brk_((uintptr_t)p + 8192) == (uintptr_t)p + 8192);
  say("zero again: %d", p[0] == 0 && p[8191] == 0);
  say("below the start: unchanged %d", brk_(4096) == (uintptr_t)p + 8192);
  struct rlimit r = { 1 << 20, 1 << 20 };
  must(setrlimit(RLIMIT_DATA, &r));
  say("beyond RLIMIT_DATA: unchanged %d", brk_((uintptr_t)p + (4 << 20)) == (uintptr_t)p + 8192);
  pid_t child;
  CHILD(child) {
    must((long)brk_((uintptr_t)p));
    *(volatile char *)(p + 4096) = 1;
    _exit(0);
  }
  say("use after giving back: %s", reap(child));
  return 0;
}
