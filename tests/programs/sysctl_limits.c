/* Limits of the machine that /proc/sys sets: areas of memory, promises of it, the length of a chain of PI locks. */
// needs: root
// differs: a host's machine is not to be changed for a test
#include "check.h"

#define P 4096L
enum { LOCK_PI = 6, UNLOCK_PI = 7 };
static int *word;
static void put(const char *name, long value) {
  char path[80], text[30];
  snprintf(path, sizeof path, "/proc/sys/%s", name), snprintf(text, sizeof text, "%ld", value);
  int fd = (int)must(open(path, O_WRONLY));
  must(write(fd, text, strlen(text))), close(fd);
}
static char *map(char *at, long pages, int flags) { return mmap(at, (size_t)(pages * P), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0); }
static int areas(void) {
  char text[65536];
  int fd = (int)must(open("/proc/self/maps", O_RDONLY)), n = 0;
  ssize_t got;
  while ((got = must(read(fd, text, sizeof text))) > 0) for (ssize_t i = 0; i < got; i++) n += text[i] == '\n';
  close(fd);
  return n;
}

static void of_areas(void) {
  pid_t pid;
  CHILD(pid) {
    char *room = map(NULL, 200, 0), *heap = sbrk(0);
    must(mprotect(room, 200 * P, PROT_NONE)), must(munmap(room + 150 * P, 50 * P));
    int before = areas(), most = before + 20, made = 0;
    put("vm/max_map_count", most);
    while (made < 50 && map(room + 160 * P, 1, MAP_FIXED) != MAP_FAILED && mprotect(room + (2 * made + 1) * P, P, PROT_READ) == 0) made++;
    say("made about as many %d: %s", areas() - most < 3 && areas() - most > -5, errname(errno));
    while (mprotect(room + (2 * made + 1) * P, P, PROT_READ) == 0) made++;
    show("another piece", mprotect(room + (2 * made + 1) * P, P, PROT_READ)), show("one piece as a whole", mprotect(room, P, PROT_READ | PROT_WRITE));
    show("a hole", munmap(room + 140 * P, P)), show("a lock of a piece", mlock(room + 140 * P, P)), show("advice for a piece", madvise(room + 140 * P, P, MADV_SEQUENTIAL)), show("a piece moved", (long)mremap(room + 140 * P, P, 2 * P, MREMAP_MAYMOVE));
    show_ok("the first of a new kind", (long)mmap(NULL, P, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), must(munmap(room + 149 * P, P));
    int more = 0;
    while (more < 20 && map(room + (152 + 2 * more) * P, 1, MAP_FIXED) != MAP_FAILED) more++;
    show("one more", (long)map(NULL, 1, MAP_GROWSDOWN)), say("the heap stays %d", syscall(SYS_brk, heap + 10 * P) == (long)heap);
    _exit(0);
  }
  reap(pid), put("vm/max_map_count", 65530);
}

static void much(const char *what, int prot, int flags) {
  char *area = mmap(NULL, P << 28, prot, flags | MAP_ANONYMOUS, -1, 0);
  show_ok(what, (long)area);
  if (area != MAP_FAILED) munmap(area, P << 28);
}
static void of_promises(void) {
  pid_t pid;
  char *small = map(NULL, 4, 0);
  must(mprotect(small, 4 * P, PROT_READ));
  put("vm/overcommit_ratio", 0), put("vm/overcommit_memory", 2);
  much("less than nothing is more than enough", PROT_READ | PROT_WRITE, MAP_PRIVATE), put("vm/overcommit_ratio", 50);
  show("to write again", mprotect(small, 4 * P, PROT_READ | PROT_WRITE)), much("very much", PROT_READ | PROT_WRITE, MAP_PRIVATE), much("without a promise", PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE), much("to read", PROT_READ, MAP_PRIVATE), much("shared", PROT_READ, MAP_SHARED);
  CHILD(pid) {
    must(setuid(1000)), much("very much for a user", PROT_READ | PROT_WRITE, MAP_PRIVATE), show_ok("a little", (long)map(NULL, 100, 0)), _exit(0);
  }
  reap(pid), put("vm/overcommit_memory", 1), much("always", PROT_READ | PROT_WRITE, MAP_PRIVATE), put("vm/overcommit_memory", 0), much("by a guess", PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static long lock(int i) { return syscall(SYS_futex, &word[i], LOCK_PI, 0, NULL, NULL, 0); }
static long unlock(int i) { return syscall(SYS_futex, &word[i], UNLOCK_PI, 0, NULL, NULL, 0); }
static void of_chains(void) {
  pid_t pid[5];
  struct gate go = new_gate();
  put("kernel/max_lock_depth", 3), must(lock(0));
  for (int i = 1; i < 5; i++) {
    CHILD(pid[i]) {
      must(lock(i)), open_gate(&go);
      struct sched_param p = { .sched_priority = 10 * i };
      must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
      long r = lock(i - 1);
      if (r) say("waiter %d: %s", i, errname(errno));
      else must(unlock(i - 1));
      must(unlock(i)), _exit(0);
    }
    pass_gate(&go), sleep_ms(20), say("%d is %c", i, state_of(pid[i]));
  }
  must(unlock(0));
  for (int i = 1; i < 5; i++) reap(pid[i]);
  static char text[1 << 20];
  long n = syscall(SYS_syslog, 3, text, sizeof text - 1);
  text[n > 0 ? n : 0] = 0;
  char *found = strstr(text, "Maximum lock depth"), *end = found ? strstr(found, "(") : NULL;
  say("%.*s", end ? (int)(end - found) : 0, found ? found : "");
  put("kernel/max_lock_depth", 1024);
}

int main(void) {
  word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  of_areas(), of_promises(), of_chains();
  return 0;
}
