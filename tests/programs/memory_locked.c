/* Locked memory: what is counted, what the limit is for, and how locking goes on with what comes later. */
// needs: root
#include "check.h"

#define PAGE 4096UL

static void locked(const char *what) {
  char text[4096];
  int fd = must(open("/proc/self/status", O_RDONLY));
  text[must(read(fd, text, sizeof text - 1))] = 0;
  must(close(fd));
  int kb = -1;
  sscanf(strstr(text, "VmLck:"), "VmLck: %d", &kb);
  say("%s: %d kB", what, kb);
}

static char *map(size_t pages, int flags) {
  /* Not through the C library, which may have an errno of its own for this. */
  return (char *)syscall(SYS_mmap, 0UL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0UL);
}

static void limit(rlim_t bytes) {
  struct rlimit r = { bytes, bytes };
  must(setrlimit(RLIMIT_MEMLOCK, &r));
}

int main(void) {
  limit(8 * PAGE);
  must(setresuid(1000, 1000, 1000));
  char *p = map(16, 0), *big;
  show("four pages", mlock(p, 4 * PAGE));
  locked("locked");
  show("too many", mlock(p, 9 * PAGE));
  locked("locked");
  show("one in the middle less", munlock(p + PAGE, PAGE));
  locked("locked");
  show("thrown away", madvise(p, PAGE, MADV_DONTNEED));
  big = map(3, MAP_LOCKED);
  say("mapped locked: %s", big == MAP_FAILED ? errname(errno) : "ok");
  locked("locked");
  char *more = map(3, MAP_LOCKED);
  say("mapped locked, too many: %s", more == MAP_FAILED ? errname(errno) : "ok");
  char *grown = mremap(big, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
  say("one more by mremap: %s", grown == MAP_FAILED ? errname(errno) : "ok");
  locked("locked");
  grown = mremap(grown, 4 * PAGE, 9 * PAGE, MREMAP_MAYMOVE);
  say("many more by mremap: %s", grown == MAP_FAILED ? errname(errno) : "ok");
  show("mlockall of all there is", mlockall(MCL_CURRENT));
  pid_t child;
  CHILD(child) {
    locked("a child's");
    _exit(0);
  }
  reap(child);
  show("munlockall", munlockall());
  locked("locked");
  show("mlockall of what comes", mlockall(MCL_FUTURE));
  more = map(2, 0);
  locked("two pages came");
  say("too many come: %s", map(20, 0) == MAP_FAILED ? errname(errno) : "ok");
  long end = syscall(SYS_brk, 0UL);
  say("too many come by brk: %s", syscall(SYS_brk, end + 20 * PAGE) == end ? "none" : "ok");
  show("munmap", munmap(more, 2 * PAGE));
  locked("they went");
  must(munlockall());
  limit(0);
  show("no limit at all", mlock(p, PAGE));
  show("mlockall", mlockall(MCL_CURRENT));
  say("mapped locked: %s", map(1, MAP_LOCKED) == MAP_FAILED ? errname(errno) : "ok");
  return 0;
}
