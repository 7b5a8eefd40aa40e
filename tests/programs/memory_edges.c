/* Where memory ends: stacks that may not grow, locked ones that do, heaps at their limits, files that cannot be mapped so. */
// needs: root
// differs: advice to remove, tracers and stacks of shared memory follow other rules; a program that cannot be begun ends with another signal
#include "check.h"

#include <sys/mount.h>
#include <sys/ptrace.h>

#define P 4096L
static long locked(void) {
  char text[4096];
  int fd = (int)must(open("/proc/self/status", O_RDONLY));
  text[must(read(fd, text, sizeof text - 1))] = 0, close(fd);
  return atol(strstr(text, "VmLck:") + 6);
}
static void limit(int what, rlim_t to) {
  struct rlimit r = { to, to };
  must(setrlimit(what, &r));
}
static char *map(long at, long pages, int flags) { return mmap((void *)at, (size_t)(pages * P), PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, -1, 0); }
/* A child that writes a page below; how that ended. */
static void grow(const char *what, int flags, int fd, void (*first)(char *)) { /* flags: MAP_SHARED takes the place of MAP_PRIVATE */
  pid_t pid;
  CHILD(pid) {
    char *room = map(0, 600, MAP_ANONYMOUS);
    must(munmap(room, 600 * P));
    char *stack = mmap(room + 590 * P, 4 * P, PROT_READ | PROT_WRITE, (flags & MAP_SHARED ? 0 : MAP_PRIVATE) | MAP_GROWSDOWN | MAP_FIXED | flags, fd, 0);
    if (stack == MAP_FAILED) show(what, -1), _exit(1);
    stack[0] = 1;
    if (first) first(stack);
    long before = locked();
    *(volatile char *)(stack - P) = 1;
    *(volatile char *)(stack - 2 * P) = 1;
    say("%s: grown, %ld locked more", what, locked() - before), _exit(0);
  }
  say("%s: %s", what, reap(pid));
}
static void no_space(char *stack) { (void)stack, limit(RLIMIT_AS, 1 << 16); }
static void no_stack(char *stack) { (void)stack, limit(RLIMIT_STACK, 5 * P); }
static void lock_it(char *stack) { must(mlock(stack - P, 5 * P)); }
static void lock_it_alone(char *stack) { lock_it(stack), limit(RLIMIT_MEMLOCK, (rlim_t)locked() * 1024), must(setuid(1000)); }

static void stacks(int file) {
  grow("a stack", MAP_ANONYMOUS, -1, NULL), grow("not accounted", MAP_ANONYMOUS | MAP_NORESERVE, -1, NULL), grow("a file from its beginning", 0, file, NULL);
  grow("shared memory from its beginning", MAP_SHARED | MAP_ANONYMOUS, -1, NULL), grow("no address space", MAP_ANONYMOUS, -1, no_space), grow("a short stack", MAP_ANONYMOUS, -1, no_stack), grow("locked", MAP_ANONYMOUS, -1, lock_it), grow("locked to the limit", MAP_ANONYMOUS, -1, lock_it_alone);
}

static void exec_limited(const char *what, int resource, rlim_t to, long size) {
  pid_t pid;
  CHILD(pid) {
    char *text = malloc((size_t)size + 1);
    memset(text, 'x', (size_t)size), text[size] = 0;
    limit(resource, to), execl("/proc/self/exe", "memory_edges", text, NULL), show(what, -1), _exit(1);
  }
  say("%s: %s", what, reap(pid));
}
static void programs(void) {
  exec_limited("no limit", RLIMIT_NOFILE, 20, 10), exec_limited("a short stack", RLIMIT_STACK, 64 << 10, 10), exec_limited("filled for the most part", RLIMIT_STACK, 160 << 10, 38 << 10), exec_limited("no address space", RLIMIT_AS, 1 << 16, 10);
}

static void heaps(void) {
  pid_t pid;
  CHILD(pid) {
    char *end = sbrk(0);
    limit(RLIMIT_AS, 1 << 16), say("more than there may be %d", syscall(SYS_brk, end + 100 * P) == (long)end), _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    char *end = (char *)syscall(SYS_brk, 0);
    must(mlockall(MCL_CURRENT | MCL_FUTURE));
    long before = locked();
    int moved = syscall(SYS_brk, end + 10 * P) == (long)end + 10 * P;
    say("a locked heap %d, %ld more", moved, locked() - before);
    before = locked();
    char *area = map(0, 20, MAP_ANONYMOUS);
    must(munmap(area + 10 * P, 10 * P)), show_ok("grown where it is", (long)mremap(area, 10 * P, 15 * P, 0)), say("%ld more", locked() - before);
    show_ok("as long as it was", (long)mremap(area, 15 * P, 15 * P, 0)), show_ok("moved", (long)mremap(area, 15 * P, 30 * P, MREMAP_MAYMOVE)), say("%ld more", locked() - before), _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    char *area = map(0, 4, MAP_ANONYMOUS);
    limit(RLIMIT_AS, 1 << 16), show("longer", (long)mremap(area, 4 * P, 100 * P, MREMAP_MAYMOVE)), show("longer elsewhere", (long)mremap(area, 4 * P, 100 * P, MREMAP_MAYMOVE | MREMAP_FIXED, area - 1000 * P)), _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    must(setuid(1000)), show("at the lowest page", (long)map(0, 1, MAP_FIXED | MAP_ANONYMOUS)), show_ok("a hint of it", (long)map(1, 1, MAP_ANONYMOUS)), _exit(0);
  }
  reap(pid);
}

static void files(int file) {
  unsigned char in[4];
  char *area;
  show("neither shared nor private", (long)mmap(NULL, P, PROT_READ, 0, file, 0));
  area = mmap(NULL, 2 * P, PROT_READ, MAP_SHARED, file, 0), must((long)area), show("mincore", mincore(area, 2 * P, in)), say("in the cache %d", in[0] & 1);
  show("advice to remove, not to be written", madvise(area, P, MADV_REMOVE)), must(munmap(area, 2 * P));
  area = mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), must((long)area), must(mlock(area, P)), show("advice to remove, locked", madvise(area, P, MADV_REMOVE)), must(munlock(area, P)), area[0] = 7, show("advice to remove", madvise(area, P, MADV_REMOVE)), say("gone %d", area[0] == 0);
  show("lock beyond the end", mlock(area, 4 * P)), show("lock what may not be touched", (must(mprotect(area, P, PROT_NONE)), mlock(area, P))), must(munmap(area, 4 * P));
  area = map(0, 4, MAP_ANONYMOUS | MAP_POPULATE), show("mincore", mincore(area, 4 * P, in)), say("there %d %d", in[0] & 1, in[3] & 1);
  show("mprotect that wraps", mprotect(area, (size_t)-P, PROT_READ)), show("mprotect of nothing", mprotect(area, 0, PROT_READ)), show("growing down", mprotect(area, P, PROT_READ | PROT_GROWSDOWN)), show("growing both ways", mprotect(area, P, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP)), show("growing up", mprotect(area, P, PROT_READ | PROT_GROWSUP)), show("growing down from a hole", mprotect((void *)P, P, PROT_READ | PROT_GROWSDOWN));
  must(munmap(area, 4 * P));

  must(mkdir("m", 0755)), must(mount("none", "m", "tmpfs", MS_NOEXEC, NULL));
  int fd = (int)must(open("m/file", O_CREAT | O_RDWR, 0700));
  must(ftruncate(fd, P)), show("to execute what is on a mount without", (long)mmap(NULL, P, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0)), area = mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0), must((long)area), show("later", mprotect(area, P, PROT_READ | PROT_EXEC));
  must(munmap(area, P)), close(fd), must(umount("m")), must(mount("none", "m", "ramfs", 0, NULL)), fd = (int)must(open("m/file", O_CREAT | O_RDWR, 0700)), must(ftruncate(fd, P));
  area = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), must((long)area), show("advice to remove, where no holes can be", madvise(area, P, MADV_REMOVE)), must(munmap(area, P)), close(fd), must(umount("m")), rmdir("m");

  must(ftruncate(file, LONG_MAX)), fd = (int)must(open("file", O_WRONLY | O_APPEND)), show("behind the largest offset", write(fd, "x", 1)), close(fd), must(ftruncate(file, 2 * P));
}

/* What a tracer may do to areas. */
static void tracer(int file) {
  char *shared = mmap(NULL, 4 * P, PROT_READ, MAP_SHARED, file, 0);
  int fd = (int)must(open("file", O_RDONLY)), status;
  char *read_only = mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);
  pid_t pid;
  CHILD(pid) ptrace(PTRACE_TRACEME, 0, NULL, NULL), raise(SIGSTOP), _exit(0);
  must(waitpid(pid, &status, 0));
  show("poke into a shared area", ptrace(PTRACE_POKEDATA, pid, shared, 5L)), show("into one that never may", ptrace(PTRACE_POKEDATA, pid, read_only, 5L));
  errno = 0, (void)ptrace(PTRACE_PEEKDATA, pid, shared + 3 * P, NULL), say("peek beyond the end: %s", errname(errno));
  errno = 0, (void)ptrace(PTRACE_PEEKDATA, pid, shared + 2 * P - 4, NULL), say("peek across the end: %s", errname(errno));
  kill(pid, SIGKILL), reap(pid);
  show("peek into the dead", ptrace(PTRACE_PEEKDATA, pid, shared, NULL)), close(fd);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) _exit(17);
  char place[] = "/tmp/memory_edges_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(mount("none", place, "tmpfs", 0, NULL)), must(chdir(place));
  int file = (int)must(open("file", O_CREAT | O_RDWR, 0600));
  must(ftruncate(file, 2 * P)), must(pwrite(file, "x", 1, 0));
  stacks(file), programs(), heaps(), files(file), tracer(file);
  must(chdir("/")), must(umount2(place, MNT_DETACH)), rmdir(place);
  return 0;
}
