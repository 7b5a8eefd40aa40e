/* Huge pages where there are none: of memory, of System V segments; what says how many there are. */
// needs: root
// differs: a host may have huge pages, and says more of them
#include "check.h"
#include <sys/ipc.h>
#include <sys/shm.h>
#include <grp.h>
#ifndef SHM_HUGETLB
#define SHM_HUGETLB 04000
#endif
static void map(const char *what, size_t size, int flags) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  say("%s: %s", what, p == MAP_FAILED ? errname(errno) : "ok");
}
static void seg(const char *what, size_t size) {
  int id = shmget(IPC_PRIVATE, size, IPC_CREAT | SHM_HUGETLB | 0600);
  show_ok(what, id);
  if (id < 0) return;
  struct shmid_ds ds;
  must(shmctl(id, IPC_STAT, &ds));
  show_ok("  lock", shmctl(id, SHM_LOCK, NULL)), must(shmctl(id, IPC_STAT, &ds));
  void *p = shmat(id, NULL, 0);
  say("  size %zu, mode %o, attach: %s", ds.shm_segsz, ds.shm_perm.mode, p == (void *)-1 ? errname(errno) : "ok");
  must(shmctl(id, IPC_RMID, NULL));
}
static void put(const char *name, const char *value) {
  char path[100], text[40];
  snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
  int fd = (int)must(open(path, O_RDWR));
  long r = write(fd, value, strlen(value));
  int e = errno;
  lseek(fd, 0, SEEK_SET);
  ssize_t n = read(fd, text, sizeof text - 1);
  text[n > 0 ? n - 1 : 0] = 0, close(fd);
  say("%s to %s: %s, then %s", value, name, r < 0 ? errname(e) : "ok", text);
}
int main(void) {
  map("private", 2 << 20, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
  map("shared", 4096, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB);
  map("nothing", 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
  int fd = (int)must(open("/proc/self/exe", O_RDONLY));
  void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd, 0);
  say("of a file: %s", p == MAP_FAILED ? errname(errno) : "ok");
  seg("a segment", 2 << 20), seg("a small segment", 4096), seg("one of no size", 0);
  put("nr_overcommit_hugepages", "0"), put("hugetlb_shm_group", "0"), put("hugetlb_shm_group", "77"), put("hugepages_treat_as_movable", "0"), put("nr_hugepages", "0");
  gid_t groups[] = {77};
  struct rlimit none = {0, 0}, some = {1 << 20, 1 << 20};
  pid_t pid;
  CHILD(pid) {
    must(setrlimit(RLIMIT_MEMLOCK, &none)), must(setgroups(1, groups)), must(setuid(1000));
    seg("in the group", 2 << 20), seg("small, in the group", 100), map("mapped", 2 << 20, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    must(setrlimit(RLIMIT_MEMLOCK, &none)), must(setgroups(0, groups)), must(setgid(1000)), must(setuid(1000));
    seg("a stranger", 2 << 20), seg("small, a stranger", 100);
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    must(setrlimit(RLIMIT_MEMLOCK, &some)), must(setgroups(0, groups)), must(setgid(1000)), must(setuid(1000));
    seg("a stranger who may lock memory", 2 << 20), seg("small, a stranger who may lock memory", 100);
    _exit(0);
  }
  reap(pid);
  char text[4096];
  fd = (int)must(open("/proc/meminfo", O_RDONLY));
  ssize_t n = must(read(fd, text, sizeof text - 1));
  text[n] = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (!strncmp(line, "Huge", 4)) say("%s", line);
  return 0;
}
