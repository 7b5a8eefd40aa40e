/* Values of /proc/sys: what each begins with, its bounds, and what else a write changes. */
#include "check.h"
// needs: root
// differs: later kernels have other bounds and defaults, and no longer have some of them

static void get(const char *path, char *text, int size) {
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, (size_t)size - 1);
  if (n < 0) snprintf(text, (size_t)size, "%s", errname(errno));
  else text[n ? n - 1 : 0] = 0;
  for (char *p = text; *p; p++) if (*p == '\t') *p = ' ';
  if (fd >= 0) close(fd);
}

/* Begin with what is there, then write each of the texts, up to the next blank. */
static void values(const char *name, const char *texts) {
  char path[80], now[100], line[700], one[40];
  struct stat st;
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  if (stat(path, &st)) { say("%s: %s", name, errname(errno)); return; }
  get(path, now, sizeof now);
  int n = snprintf(line, sizeof line, "%s %o: %s", name, st.st_mode & 07777, now);
  for (int used; sscanf(texts, " %39s%n", one, &used) == 1; texts += used) {
    for (char *p = one; *p; p++) if (*p == '_') *p = ' ';
    int fd = open(path, O_WRONLY);
    long taken = fd < 0 ? -1 : write(fd, one, strlen(one));
    const char *error = taken < 0 ? errname(errno) : "";
    if (fd >= 0) close(fd);
    get(path, now, sizeof now);
    n += snprintf(line + n, sizeof line - (size_t)n, "; %s %s-> %s", one, error, now);
  }
  say("%s", line);
}

static void is(const char *name) {
  char path[80], now[100];
  snprintf(path, sizeof path, "/proc/sys/%s", name);
  get(path, now, sizeof now);
  say("then %s: %s", name, now);
}

static void kept_over_setuid(void) {
  int fd = (int)must(open("/proc/sys/vm/swappiness", O_RDWR));
  char c;
  must(setresuid(1000, 1000, 0));
  show("written by a descriptor of root's", write(fd, "1", 1));
  show("read by it", pread(fd, &c, 1, 0));
  close(fd);
  fd = (int)must(open("/proc/sys/vm/swappiness", O_RDONLY));
  must(setresuid(0, 0, 0));
  show("tainted with no capability", (long)({
    int t = (int)must(open("/proc/sys/kernel/tainted", O_WRONLY));
    struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
    uint32_t none[6] = { 0 };
    must(syscall(SYS_capset, &head, none));
    write(t, "0", 1);
  }));
  show("kptr_restrict with none", write((int)must(open("/proc/sys/kernel/kptr_restrict", O_WRONLY)), "0", 1));
}

/* Where a descriptor is behind a write, and after one that fails. */
static void position(const char *path, const char *text) {
  int fd = (int)must(open(path, O_RDWR));
  long n = write(fd, text, strlen(text));
  say("%s: %ld, then at %ld", path, n, (long)lseek(fd, 0, SEEK_CUR));
  close(fd);
}

int main(void) {
  position("/proc/sys/vm/swappiness", "60");
  position("/proc/sys/vm/swappiness", "x");
  position("/proc/sys/kernel/core_pattern", "core");
  position("/proc/self/comm", "name");
  position("/proc/self/oom_score_adj", "1");
  position("/proc/self/sched", "1");
  values("kernel/overflowuid", "65536 -1 7");
  values("kernel/overflowgid", "99999 0 65535");
  values("fs/overflowuid", "70000 1");
  values("fs/overflowgid", "1");
  values("kernel/tainted", "4 0 16 -1 x 1152921504606846976");
  values("kernel/ctrl-alt-del", "0 77 1");
  values("kernel/pty/max", "10 -1 1048577 1048576");
  values("kernel/pty/nr", "1");
  values("kernel/kptr_restrict", "3 2 -1 0");
  values("kernel/panic_on_oops", "9 0");
  values("kernel/random/read_wakeup_threshold", "7 4097 8");
  values("kernel/random/write_wakeup_threshold", "4096 -1 0");
  values("vm/page-cluster", "-1 5");
  values("vm/dirty_ratio", "101 30");
  values("vm/dirty_bytes", "5 8192");
  is("vm/dirty_ratio");
  values("vm/dirty_ratio", "20");
  is("vm/dirty_bytes");
  values("vm/dirty_background_bytes", "100");
  is("vm/dirty_background_ratio");
  values("vm/dirty_background_ratio", "-1 10");
  is("vm/dirty_background_bytes");
  values("vm/dirty_writeback_centisecs", "-7 7");
  values("vm/dirty_expire_centisecs", "-7 7");
  values("vm/nr_pdflush_threads", "1");
  values("vm/swappiness", "101 -1 0 100");
  values("vm/hugetlb_shm_group", "-5");
  values("vm/hugepages_treat_as_movable", "5");
  values("vm/nr_overcommit_hugepages", "5 -5");
  values("vm/lowmem_reserve_ratio", "200 0_0 -1 3_4_5");
  values("vm/drop_caches", "0 3 4");
  values("vm/percpu_pagelist_fraction", "7 8");
  values("vm/max_map_count", "-1 65531");
  values("vm/laptop_mode", "3 99999999999 36893488147419104 -2 0");
  values("vm/block_dump", "3 -3 0");
  values("vm/vfs_cache_pressure", "-1 50");
  values("vm/legacy_va_layout", "-1 3 0");
  values("vm/scan_unevictable_pages", "1 x");
  pid_t pid;
  CHILD(pid) {
    kept_over_setuid();
    _exit(0);
  }
  reap(pid);
  return 0;
}
