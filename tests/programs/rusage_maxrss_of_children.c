/* ru_maxrss: the largest a process was; of children the largest of any that was waited for, grandchildren included. */
#include "check.h"

static long maxrss(int who) {
  struct rusage r;
  must(getrusage(who, &r));
  return r.ru_maxrss;
}
static void touch(size_t size) {
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < size; i += 4096) p[i] = 1;
  munmap(p, size);
}

int main(void) {
  say("no children yet: %ld", maxrss(RUSAGE_CHILDREN));
  pid_t child;
  CHILD(child) {
    pid_t grandchild;
    CHILD(grandchild) {
      touch(8 << 20);
      say("stays after munmap: %d", maxrss(RUSAGE_SELF) >= 8 << 10);
      _exit(0);
    }
    wait_for(grandchild);
    say("the child itself is small: %d", maxrss(RUSAGE_SELF) < 8 << 10);
    _exit(0);
  }
  struct rusage r;
  must(wait4(child, NULL, 0, &r));
  say("wait4 tells of the grandchild: %d", r.ru_maxrss >= 8 << 10);
  say("children %d", maxrss(RUSAGE_CHILDREN) >= 8 << 10);
  CHILD(child) _exit(0);
  wait_for(child);
  say("a smaller one does not lower it: %d", maxrss(RUSAGE_CHILDREN) >= 8 << 10);
  say("own is not children's: %d", maxrss(RUSAGE_SELF) < 8 << 10);
  return 0;
}
