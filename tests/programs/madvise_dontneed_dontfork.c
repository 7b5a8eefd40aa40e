/* MADV_DONTNEED gives private pages back; MADV_DONTFORK keeps them from children; mlock limits; mincore. */
#include "check.h"

int main(void) {
  char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 'x', 4 * 4096);
  show("DONTNEED", madvise(p, 4096, MADV_DONTNEED));
  say("%d %c", p[0], p[4096]);
  show("DONTFORK", madvise(p + 4096, 4096, MADV_DONTFORK));
  pid_t child;
  CHILD(child) {
    say("child: %c", p[2 * 4096]);
    (void)*(volatile char *)(p + 4096);
    _exit(0);
  }
  say("%s", reap(child));
  show("DOFORK", madvise(p + 4096, 4096, MADV_DOFORK));
  CHILD(child) _exit(p[4096] == 'x');
  say("%s", reap(child));
  show("odd address", madvise(p + 1, 4096, MADV_NORMAL));
  show("hole", madvise((void *)0x10000, 4096, MADV_NORMAL));
  show("mlock", mlock(p, 8192));
  show("munlock", munlock(p, 8192));
  show("mlock of a hole", mlock((void *)0x10000, 4096));
  unsigned char present[4];
  show("mincore", mincore(p, 4 * 4096, present));
  say("present: %d", present[1] & 1);
  return 0;
}
