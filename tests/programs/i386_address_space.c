/* Where a 32-bit program's memory is, and where its addresses end. */
// needs: i386
#include "check.h"
#include <sys/auxv.h>

static const char *where(void *p) {
  static char text[64];
  if (p == MAP_FAILED)
    snprintf(text, sizeof text, "%s", strerror(errno));
  else
    snprintf(text, sizeof text, "%p", p);
  return text;
}

static void *map(void *at, size_t length, int flags) {
  return mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

int main(void) {
  char here;
  printf("the stack ends below 0xffffe000: %d\n", (unsigned long)&here > 0xff000000 && (unsigned long)&here < 0xffffe000);
  printf("mappings lie below it: %d\n", (unsigned long)map(NULL, 4096, 0) > 0xe0000000);
  printf("one above: %s\n", where(map((void *)0xffffe000, 4096, MAP_FIXED)));
  printf("over the end: %s\n", where(map((void *)0xffffd000, 8192, MAP_FIXED)));
  printf("all of it: %s\n", where(map(NULL, 0xffffe000, 0)));
  printf("more than that: %s\n", where(map(NULL, 0xfffff000, 0)));
  printf("a hint above the end: %d\n", map((void *)0xfffff000, 4096, 0) != MAP_FAILED);
  printf("MAP_32BIT is high, too: %d\n", (unsigned long)map(NULL, 4096, 0x40) > 0xe0000000);
  errno = 0;
  printf("munmap above the end: %d %s\n", munmap((void *)0xfffff000, 4096), strerror(errno));
  void *p = map(NULL, 8192, 0);
  errno = 0;
  printf("mremap above the end: %s\n", where(mremap(p, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0xfffff000)));
  char *end = (char *)syscall(SYS_brk, 0);
  printf("brk moves: %d\n", (char *)syscall(SYS_brk, end + 4096) == end + 4096);
  printf("platform %s, headers of %lu\n", (char *)getauxval(AT_PLATFORM), getauxval(AT_PHENT));
  char line[256];
  FILE *maps = fopen("/proc/self/maps", "r");
  int high = 0, stack = 0;
  while (fgets(line, sizeof line, maps)) {
    high += strtoull(line, NULL, 16) >= 0xffffe000;
    stack += strstr(line, "[stack]") != NULL;
  }
  printf("maps: %d above, %d stack\n", high, stack);
  char *far = (char *)0xfffffff0;
  int status;
  fflush(stdout);
  pid_t child = must(fork());
  if (!child) {
    far[0] = 1;
    _exit(1);
  }
  must(waitpid(child, &status, 0));
  printf("a store there: signal %d\n", WTERMSIG(status));
  return 0;
}
