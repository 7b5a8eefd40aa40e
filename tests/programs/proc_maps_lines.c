/* /proc/self/maps: protections, offsets, names, deleted files, neighbours that merge; [heap] and [stack]. */
#include "check.h"

static void *area;
static int tell(const char *name, void *from, size_t size) {
  char line[400];
  int n = 0;
  FILE *f = fopen("/proc/self/maps", "r");
  say("%s", name);
  while (fgets(line, sizeof line, f)) {
    unsigned long a, b, off;
    char prot[5], file[300] = "";
    sscanf(line, "%lx-%lx %4s %lx %*s %*s %299[^\n]", &a, &b, prot, &off, file);
    if (a < (unsigned long)from || a >= (unsigned long)from + size) continue;
    char *slash = strrchr(file, '/');
    say("  +%lx %lx %s %lx %s", (a - (unsigned long)from) / 4096, (b - a) / 4096, prot, off, slash ? slash + 1 : file);
    n++;
  }
  fclose(f);
  return n;
}

int main(void) {
  go_to_scratch();
  int fd = (int)must(open("file", O_RDWR | O_CREAT, 0600));
  must(ftruncate(fd, 16 * 4096));
  area = mmap(NULL, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *p = area;
  size_t size = 64 * 4096;
  tell("reserved", p, size);
  must(mprotect(p + 4096, 2 * 4096, PROT_READ));
  must(mprotect(p + 3 * 4096, 4096, PROT_READ | PROT_EXEC));
  must(mmap(p + 8 * 4096, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 4096) == MAP_FAILED ? -1 : 0);
  must(mmap(p + 12 * 4096, 2 * 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 8 * 4096) == MAP_FAILED ? -1 : 0);
  must(mmap(p + 14 * 4096, 2 * 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 10 * 4096) == MAP_FAILED ? -1 : 0);
  tell("changed", p, size);
  must(munmap(p + 9 * 4096, 4096));
  must(mprotect(p + 4096, 3 * 4096, PROT_NONE));
  must(unlink("file"));
  tell("hole, merged again, deleted", p, size);
  must(munmap(area, size));
  say("nothing left: %d", tell("gone", p, size));
  FILE *f = fopen("/proc/self/maps", "r");
  char line[400];
  int heap = 0, stack = 0, sorted = 1;
  unsigned long last = 0, a;
  must(syscall(SYS_brk, syscall(SYS_brk, 0) + 4096));
  while (fgets(line, sizeof line, f)) {
    sscanf(line, "%lx", &a);
    if (a < last) sorted = 0;
    last = a;
    heap += strstr(line, "[heap]") != NULL;
    stack += strstr(line, "[stack]") != NULL;
  }
  say("heap %d stack %d sorted %d", heap, stack, sorted);
  return 0;
}
