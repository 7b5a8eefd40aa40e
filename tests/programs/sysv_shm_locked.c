/* Locked segments, and the user's limit; what a core and the counts show of shared memory. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static int mode_of(int id) {
  struct shmid_ds d;
  must(shmctl(id, IPC_STAT, &d));
  return d.shm_perm.mode;
}
static int total_of(const char *name) {  /* a line of /proc/self/status or meminfo, in KiB */
  FILE *f = fopen("/proc/self/status", "r");
  char line[200];
  int n = -1;
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, name, strlen(name))) sscanf(line + strlen(name), ":%d", &n);
  fclose(f);
  return n;
}

int main(void) {
  int root_s = (int)must(shmget(IPC_PRIVATE, 4096, 0666));
  show("root locks", shmctl(root_s, SHM_LOCK, NULL));
  say("mode %o", mode_of(root_s));
  show("again", shmctl(root_s, SHM_LOCK, NULL));
  show("unlocks", shmctl(root_s, SHM_UNLOCK, NULL));
  say("mode %o", mode_of(root_s));
  pid_t pid;
  uid_t user = fresh_uid();
  CHILD(pid) {
    struct rlimit two = { 8192, 8192 };
    must(setrlimit(RLIMIT_MEMLOCK, &two));
    must(setgid(user)); must(setuid(user));
    show("another's", shmctl(root_s, SHM_LOCK, NULL));
    show("another's, to unlock", shmctl(root_s, SHM_UNLOCK, NULL));
    int a = (int)must(shmget(IPC_PRIVATE, 4097, 0600)), b = (int)must(shmget(IPC_PRIVATE, 1, 0600));
    show("two pages", shmctl(a, SHM_LOCK, NULL));
    show("one more", shmctl(b, SHM_LOCK, NULL));
    show("no longer two", shmctl(a, SHM_UNLOCK, NULL));
    show("one", shmctl(b, SHM_LOCK, NULL));
    show("two are too many", shmctl(a, SHM_LOCK, NULL));
    must(shmctl(b, IPC_RMID, NULL));
    show("what goes is unlocked", shmctl(a, SHM_LOCK, NULL));
    say("mlock has a count of its own: %d", mlock(shmat(a, NULL, 0), 4096));
    show("huge pages are locked ones", shmget(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 0600));
    struct rlimit none = { 0, 0 };
    must(setrlimit(RLIMIT_MEMLOCK, &none));
    show("none: lock", shmctl(a, SHM_LOCK, NULL));
    show("none: unlock", shmctl(a, SHM_UNLOCK, NULL));
    must(shmctl(a, IPC_RMID, NULL));
    _exit(0);
  }
  reap(pid);
  must(shmctl(root_s, IPC_RMID, NULL));

  int id = (int)must(shmget(IPC_PRIVATE, 40 * 4096, 0600));
  int before = total_of("VmSize"), rss = total_of("VmRSS");
  char *p = shmat(id, NULL, 0);
  say("VmSize %d", total_of("VmSize") - before);
  for (int i = 0; i < 20; i++) p[i * 4096] = 1;
  say("VmRSS %d", total_of("VmRSS") - rss >= 80);
  must(shmctl(id, IPC_RMID, NULL));
  CHILD(pid) {
    struct rlimit as = { (rlim_t)(total_of("VmSize") + 40) * 1024, RLIM_INFINITY };
    must(setrlimit(RLIMIT_AS, &as));
    int big = (int)must(shmget(IPC_PRIVATE, 1 << 20, 0600));
    show("RLIMIT_AS", (long)shmat(big, NULL, 0));
    must(shmctl(big, IPC_RMID, NULL));
    struct rlimit size = { 0, 0 };
    must(setrlimit(RLIMIT_FSIZE, &size));
    p[39 * 4096] = 1;
    _exit(0);
  }
  say("%s", reap(pid));
  say("%d", p[39 * 4096]);
  shmdt(p);
  say("gone: %d", total_of("VmSize") - before);

  /* Near the stack, and low. */
  id = (int)must(shmget(IPC_PRIVATE, 4096, 0600));
  char here;
  show("on the stack", (long)shmat(id, (void *)((long)&here & ~4095L), 0));
  CHILD(pid) {
    must(setuid(65534));
    show("at 4096", (long)shmat(id, (void *)4096, 0));
    _exit(0);
  }
  reap(pid);
  show_ok("root at 0", (long)shmat(id, (void *)1, SHM_RND));
  must(shmctl(id, IPC_RMID, NULL));
  return 0;
}
