/* What tools look for in sysfs and debugfs: devices by class and number, the loopback, clocks, the scheduler's features. */
// differs: later kernels have other features, which they show elsewhere, and more in most directories
#include "check.h"

#include <sys/mount.h>
#include <sys/vfs.h>

static void show_file(const char *path) {
  struct stat st;
  char text[400] = "", *p = text;
  if (stat(path, &st)) {
    say("%s: %s", path, errname(errno));
    return;
  }
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  if (n < 0) {
    say("%s: mode %o, %s", path, st.st_mode & 07777, errname(errno));
  } else {
    text[n] = 0;
    while ((p = strchr(p, '\n'))) *p++ = '|';
    say("%s: mode %o, size %ld, links %ld, %s", path, st.st_mode & 07777, (long)st.st_size, (long)st.st_nlink, text);
  }
  close(fd);
}
static void show_link(const char *path) {
  char target[200] = "";
  struct stat st, there;
  must(lstat(path, &st));
  readlink(path, target, 199);
  const char *end = stat(path, &there) ? ", which leads nowhere" : "";
  say("%s: mode %o, size %ld -> %s%s", path, st.st_mode & 0777, (long)st.st_size, target, end);
}
static void show_type(const char *path) {
  struct statfs s;
  must(statfs(path, &s));
  say("%s: type %lx, %ld blocks of %ld, names up to %ld", path, (long)s.f_type, (long)s.f_blocks, (long)s.f_bsize, (long)s.f_namelen);
}
static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  show(text, fd < 0 ? -1 : write(fd, text, strlen(text)));
  close(fd);
}

int main(void) {
  static const char *const dirs[] = { ".", "block", "bus", "class", "dev", "devices", "firmware", "fs", "fs/cgroup", "kernel", "module",
    "bus/platform", "bus/platform/drivers", "class/block", "class/mem", "class/net", "class/tty", "devices/system", "devices/virtual",
    "devices/virtual/net/lo/statistics", "kernel/debug" };
  static const char *const files[] = { "class/net/lo/address", "class/net/lo/addr_len", "class/net/lo/broadcast", "class/net/lo/dev_id",
    "class/net/lo/duplex", "class/net/lo/ifindex", "class/net/lo/iflink", "class/net/lo/mtu", "class/net/lo/operstate", "class/net/lo/speed",
    "class/net/lo/type", "class/net/lo/tx_queue_len", "class/net/lo/uevent", "class/net/lo/statistics/rx_bytes", "class/net/lo/ifalias",
    "class/mem/null/dev", "class/mem/null/uevent", "class/mem/urandom/dev", "class/tty/tty/dev", "class/tty/ptmx/uevent", "dev/char/1:5/uevent",
    "devices/system/clocksource/clocksource0/available_clocksource", "devices/system/clocksource/clocksource0/current_clocksource",
    "devices/system/cpu/online", "devices/system/node", "kernel/fscaps", "kernel/uevent_helper", "bus/platform/drivers_autoprobe" };
  static const char *const links[] = { "class/net/lo", "class/mem/zero", "class/tty/console", "dev/char/1:3", "dev/char/5:2",
    "class/net/lo/subsystem", "class/mem/full/subsystem" };
  must(unshare(CLONE_NEWNS));
  go_to_scratch();
  must(mkdir("m", 0755));
  char name[40] = "";
  long nr = syscall(SYS_sysfs, 1, "proc"), all = syscall(SYS_sysfs, 3);
  show("sysfs: name of a number", syscall(SYS_sysfs, 2, nr, name));
  say("%s, %d", name, nr >= 0 && nr < all);
  show("no such number", syscall(SYS_sysfs, 2, all, name));
  show("no such name", syscall(SYS_sysfs, 1, "nosuch"));
  show("bad name", syscall(SYS_sysfs, 1, 8));
  show("bad buffer", syscall(SYS_sysfs, 2, nr, 8));
  show("no such option", syscall(SYS_sysfs, 4));
  must(mount("none", "m", "sysfs", 0, NULL));
  must(chdir("m"));
  show_type(".");
  for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    struct stat st;
    if (stat(dirs[i], &st)) show(dirs[i], -1);
    else say("%s: mode %o, size %ld, %ld blocks", dirs[i], st.st_mode, (long)st.st_size, (long)st.st_blocks);
  }
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) show_file(files[i]);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) show_link(links[i]);
  show("fsync of a directory", fsync(open("class", O_RDONLY)));
  show("fsync of a file", fsync(open("class/net/lo/type", O_RDONLY)));
  show("fsync of /proc", fsync(open("/proc/version", O_RDONLY)));
  show("sync_file_range of it", sync_file_range(open("/proc/version", O_RDONLY), 0, 0, 0));
  show("sync_file_range beyond the end", sync_file_range(1, 1, LONG_MAX, 0));
  show("mkdir", mkdir("class/x", 0700));
  show("create", open("class/x", O_CREAT | O_WRONLY, 0600));
  show("unlink", unlink("class/mem/null"));
  show("write of what cannot be written", open("class/net/lo/type", O_WRONLY));
  must(mount("none", "kernel/debug", "debugfs", 0, "anything"));
  must(chdir("kernel/debug"));
  show_type(".");
  show_file("sched_features");
  put("sched_features", "LAST_BUDDY");
  put("sched_features", "NO_HRTICK\n");
  put("sched_features", "NO_SUCH_FEATURE");
  put("sched_features", "");
  show("fsync of a directory", fsync(open(".", O_RDONLY)));
  show("fsync of a file", fsync(open("sched_features", O_RDONLY)));
  show("create", open("x", O_CREAT | O_WRONLY, 0600));
  show("mkdir", mkdir("x", 0700));
  show("unlink", unlink("sched_features"));
  return 0;
}
