/* /proc/PID/smaps: a page that others map as well counts in part; locked ones are told. */
#include "check.h"
// needs: root

static char text[1 << 17];

/* The fields of the mapping that begins at an address. */
static void fields(const char *what, void *start) {
  char head[24], *at, line[200], *p = line;
  int fd = (int)must(open("/proc/self/smaps", O_RDONLY));
  size_t n = 0;
  ssize_t got;
  while ((got = must(read(fd, text + n, sizeof text - 1 - n))) > 0) n += (size_t)got;
  must(close(fd));
  text[n] = 0;
  snprintf(head, sizeof head, "%lx-", (unsigned long)start);
  at = strstr(text, head);
  static const char *names[] = {"Size", "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty",
                                "Anonymous", "Locked"};
  for (size_t i = 0; at && i < sizeof names / sizeof *names; i++) {
    char field[24];
    snprintf(field, sizeof field, "\n%s:", names[i]);
    char *found = strstr(at, field);
    p += sprintf(p, " %s %ld", names[i], found ? strtol(found + strlen(field), NULL, 10) : -1);
  }
  *p = 0;
  say("%s:%s", what, line);
}

static char *map(int flags, int fd, size_t size) {
  /* A hole on both sides: nothing merges. */
  char *at = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mmap(at + 4096, size, PROT_READ | PROT_WRITE, MAP_FIXED | flags, fd, 0);
}

int main(void) {
  char *mem = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 12 * 4096);
  memset(mem, 1, 6 * 4096);
  fields("six of twelve written", mem);
  must(mlock(mem, 12 * 4096));
  fields("locked", mem);
  must(munlock(mem, 12 * 4096));
  memset(mem, 1, 12 * 4096);
  pid_t child;
  CHILD(child) {
    fields("shared by two", mem);
    pid_t another;
    CHILD(another) {
      fields("by three", mem);
      memset(mem, 2, 4 * 4096);
      fields("four copied", mem);
      _exit(0);
    }
    reap(another);
    _exit(0);
  }
  reap(child);
  fields("alone again", mem);
  char *both = map(MAP_SHARED | MAP_ANONYMOUS, -1, 4 * 4096);
  memset(both, 1, 4 * 4096);
  CHILD(child) {
    fields("shared memory, not touched here", both);
    both[0] = 2;
    fields("one page touched", both);
    _exit(0);
  }
  reap(child);
  return 0;
}
