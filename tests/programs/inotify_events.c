/* inotify(7): which events calls send to a directory's watch (D) and to that of a file or directory in it (F), in order. */
// differs: later kernels tell of O_PATH opens not at all, of getdents, splice and sendfile, free a file whose events are
// unread, say EINTR as ERESTARTSYS, and do not count an empty readv as an access
#include "check.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static int in, dir_wd, file_wd;
static unsigned last_cookie;
static char top[300];
static const char *const bits[] = { "ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM", "MOVED_TO",
  "CREATE", "DELETE", "DELETE_SELF", "MOVE_SELF", "1000", "UNMOUNT", "OVERFLOW", "IGNORED" };

/* "what: D CREATE(f), F OPEN", and so on until nothing is queued. */
static void events(const char *what) {
  char line[900], buf[4096];
  int at = snprintf(line, sizeof line, "%s:", what);
  ssize_t n;
  while ((n = read(in, buf, sizeof buf)) > 0)
    for (char *p = buf; p < buf + n;) {
      struct inotify_event *e = (struct inotify_event *)p;
      at += snprintf(line + at, sizeof line - (size_t)at, " %s", e->wd == dir_wd ? "D" : e->wd == file_wd ? "F" : e->wd == -1 ? "-" : "?");
      for (int bit = 0; bit < 16; bit++)
        if (e->mask >> bit & 1) at += snprintf(line + at, sizeof line - (size_t)at, " %s", bits[bit]);
      if (e->mask & IN_ISDIR) at += snprintf(line + at, sizeof line - (size_t)at, "|ISDIR");
      if (e->len) at += snprintf(line + at, sizeof line - (size_t)at, "(%s)", e->name);
      if (e->cookie) {
        at += snprintf(line + at, sizeof line - (size_t)at, " %s cookie", e->cookie == last_cookie ? "same" : "new");
        last_cookie = e->cookie;
      }
      at += snprintf(line + at, sizeof line - (size_t)at, ",");
      p += sizeof *e + e->len;
    }
  if (line[at - 1] == ',') line[at - 1] = 0;
  say("%s", line);
}
static void watch_file(const char *name) { file_wd = (int)must(inotify_add_watch(in, name, IN_ALL_EVENTS | IN_DONT_FOLLOW)); }
static int open_(const char *what, const char *name, int flags) {
  int fd = (int)must(open(name, flags, 0644));
  events(what);
  return fd;
}
static void close_(const char *what, int fd) {
  close(fd);
  events(what);
}

static void reading_and_writing(void) {
  char buf[16] = "";
  struct iovec none = { buf, 0 }, some = { buf, 4 };
  close_("close of a new file", open_("open, created", "d/f", O_RDWR | O_CREAT));
  watch_file("d/f");
  int fd = open_("open", "d/f", O_RDWR);
  show("write", write(fd, "12345678", 8));
  write(fd, "9", 1);
  events("two writes");
  show("write nothing", write(fd, "", 0));
  events("which");
  pread(fd, buf, 2, 0);
  events("pread");
  show("read at the end", read(fd, buf, 1));
  events("which");
  show("readv at the end", readv(fd, &some, 1));
  events("which");
  show("readv of nothing", readv(fd, &none, 1));
  events("which");
  show("readv without a vector", readv(fd, &none, 0));
  events("which");
  show("writev of nothing", writev(fd, &none, 1));
  events("which");
  pwritev(fd, &some, 1, 2);
  events("pwritev");
  ftruncate(fd, 9);
  events("ftruncate to its size");
  truncate("d/f", 3);
  events("truncate");
  fsync(fd);
  char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  map[0] = 'x';
  msync(map, 4096, MS_SYNC);
  munmap(map, 4096);
  events("fsync and a mapping");
  int copy = dup(fd);
  close(fd);
  events("one of two descriptors closed");
  close_("both", copy);
  close_("close of a reader", open_("O_TRUNC", "d/f", O_RDONLY | O_TRUNC));
  close_("its close", open_("O_PATH", "d/f", O_PATH));
  show("open that fails", open("d/f", O_DIRECTORY));
  events("which");
}

static void attributes(void) {
  struct timespec both[2] = { { 1, 0 }, { 1, 0 } }, only_a[2] = { { 2, 0 }, { 0, UTIME_OMIT } }, only_m[2] = { { 0, UTIME_OMIT }, { 2, 0 } };
  chmod("d/f", 0755);
  events("chmod");
  chown("d/f", 0, 1);
  events("chown");
  chown("d/f", -1, -1);
  events("chown of nothing");
  chmod("d/f", 04755);
  events("chmod");
  chown("d/f", -1, -1);
  events("chown of nothing, set-user-id");
  utimensat(AT_FDCWD, "d/f", both, 0);
  events("both times");
  utimensat(AT_FDCWD, "d/f", only_a, 0);
  events("access time");
  utimensat(AT_FDCWD, "d/f", only_m, 0);
  events("modification time");
  show("setxattr", setxattr("d/f", "trusted.a", "x", 1, 0));
  show("getxattr", getxattr("d/f", "trusted.a", NULL, 0));
  events("which");
  show("removexattr", removexattr("d/f", "trusted.a"));
  events("which");
  chmod("d/f", 06777);
  int fd = (int)must(open("d/f", O_WRONLY));
  events("set-id bits");
  pid_t pid;
  CHILD(pid) {
    must(setuid(7));
    write(fd, "x", 1);
    _exit(0);
  }
  reap(pid);
  events("write takes set-id bits away");
  chmod("d/f", 06777);
  events("chmod");
  CHILD(pid) {
    must(setuid(7));
    must(ftruncate(fd, 0));
    _exit(0);
  }
  reap(pid);
  events("truncation does");
  close_("close", fd);
}

static void names(void) {
  link("d/f", "d/g");
  events("link");
  symlink("f", "d/s");
  events("symlink");
  mknod("d/p", S_IFIFO | 0600, 0);
  events("mknod");
  struct sockaddr_un name = { AF_UNIX, "d/u" };
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  must(bind(s, (struct sockaddr *)&name, sizeof name));
  close(s);
  events("bind");
  rename("d/f", "d/f");
  rename("d/f", "d/g");
  events("rename to itself and another name of it");
  rename("d/g", "d/h");
  events("rename");
  rename("d/h", "e/h");
  events("rename out");
  close_("close", open_("open under a directory that is not watched", "e/h", O_RDONLY));
  rename("e/h", "d/g");
  events("rename in");
  rename("d/g", "d/g2");
  events("rename");
  rename("d/g2", "d/p");
  events("rename onto a FIFO");
  unlink("d/p");
  events("unlink, one left");
  unlink("d/s");
  unlink("d/u");
  events("unlink of others");
  unlink("d/f");
  events("unlink of the last");
  int fd = (int)must(open("d/o", O_RDWR | O_CREAT, 0600));
  watch_file("d/o");
  events("another");
  unlink("d/o");
  events("unlink while open");
  write(fd, "x", 1);
  events("written without a name");
  close_("closed", fd);
  write_file("d/t", "", 0600);
  write_file("d/r", "", 0600);
  watch_file("d/t");
  events("two more");
  rename("d/r", "d/t");
  events("rename onto a watched file");
  watch_file("d/t");
  close(open("d/t", O_RDONLY));
  unlink("d/t");
  events("unlink with events unread");
  watch_file("e");
  events("read: gone");
}

static void directories(void) {
  char buf[1000];
  inotify_rm_watch(in, file_wd);
  mkdir("d/k", 0700);
  watch_file("d/k");
  events("mkdir");
  int fd = open_("opendir", "d/k", O_RDONLY);
  show("getdents", syscall(SYS_getdents64, fd, buf, sizeof buf) > 0);
  events("which");
  close_("closedir", fd);
  chmod("d/k", 0755);
  events("chmod");
  mkdir("d/k/l", 0700);
  events("mkdir below");
  chdir("d/k/l");
  chdir("../../..");
  events("chdir");
  rename("d/k", "d/m");
  events("rename");
  rename("d/m/l", "d/n");
  events("rename from it");
  rmdir("d/n");
  events("rmdir of that");
  fd = open("d/m", O_RDONLY);
  close(fd);
  events("open and close");
  rmdir("d/m");
  events("rmdir");
  mkdir("d/x", 0700);
  watch_file("d/x");
  fd = (int)must(open("d/x", O_RDONLY));
  events("mkdir, open");
  rmdir("d/x");
  events("rmdir while open");
  close_("closed", fd);
  mkdir("d/y", 0700);
  mkdir("d/z", 0700);
  watch_file("d/z");
  rename("d/y", "d/z");
  events("rename onto an empty directory");
  rmdir("d/z");
  events("rmdir of the other");
  mkdir("d/v", 0700);
  watch_file("d/v");
  must(chdir("d/v"));
  rmdir("../v");
  events("rmdir of where one is");
  fd = (int)must(open(".", O_RDONLY));
  close_("opened and closed", fd);
  must(chdir(top));
  events("left");
  mkdir("d/v", 0700);
  watch_file("d/v");
  pid_t pid;
  struct gate gate = new_gate();
  CHILD(pid) {
    must(chdir("d/v"));
    must(chdir("."));
    open_gate(&gate);
    pause();
  }
  pass_gate(&gate);
  rmdir("d/v");
  events("rmdir of where a child is");
  kill(pid, SIGKILL);
  reap(pid);
  events("ended");
  mkdir("d/v", 0700);
  watch_file("d/v");
  fd = (int)must(open("d/v/f", O_RDWR | O_CREAT, 0600));
  unlink("d/v/f");
  rmdir("d/v");
  events("rmdir of where a file without a name is open");
  close_("closed", fd);
}

static void terminals(void) {
  file_wd = (int)must(inotify_add_watch(in, "/dev/pts", IN_ALL_EVENTS));
  int master = (int)must(open("/dev/pts/ptmx", O_RDWR | O_NOCTTY));
  events("a pseudo-terminal");
  close(master);
  events("closed");
  inotify_rm_watch(in, file_wd);
  events("which");
}

static void others(void) {
  char buf[100];
  pid_t pid;
  write_file("d/f", "#!/bin/false", 0755);
  events("file");
  watch_file("d/f");
  int fd = open("d/f", O_RDONLY), null = open("/dev/null", O_WRONLY), out = open("e/out", O_WRONLY | O_CREAT, 0600);
  events("open");
  off_t from = 0;
  show("sendfile", sendfile(out, fd, &from, 5));
  events("from a file");
  close(fd);
  close(out);
  events("close");
  watch_file("/dev/zero");
  fd = open("/dev/zero", O_RDWR);
  read(fd, buf, 5);
  write(fd, buf, 5);
  close(fd);
  events("a device");
  close(null);
  mknod("d/q", S_IFIFO | 0600, 0);
  watch_file("d/q");
  fd = open("d/q", O_RDWR);
  write(fd, "abc", 3);
  read(fd, buf, 3);
  close(fd);
  events("a FIFO");
  int p[2];
  must(pipe(p));
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", p[0]);
  file_wd = (int)must(inotify_add_watch(in, link, IN_ALL_EVENTS));
  write(p[1], "abc", 3);
  read(p[0], buf, 2);
  close(p[1]);
  close(p[0]);
  events("a pipe");
  watch_file("/proc/version");
  fd = open("/proc/version", O_RDONLY);
  read(fd, buf, 10);
  close(fd);
  events("a file of /proc");
  watch_file("/proc/sys/kernel/hostname");
  fd = open("/proc/sys/kernel/hostname", O_RDWR);
  read(fd, buf, 10);
  close(fd);
  events("one of /proc/sys");
  watch_file("d/f");
  CHILD(pid) {
    execl("d/f", "f", NULL);
    _exit(3);
  }
  reap(pid);
  events("execve that fails");
  inotify_rm_watch(in, file_wd);
  events("rm_watch");
}

static void unmounting(void) {
  mkdir("d/mnt", 0700);
  events("mkdir");
  must(mount("none", "d/mnt", "tmpfs", 0, NULL));
  write_file("d/mnt/f", "", 0600);
  events("mount");
  watch_file("d/mnt/f");
  chmod("d/mnt/f", 0700);
  events("in it");
  close(open("d/mnt/f", O_RDONLY));
  show("umount with events unread", umount("d/mnt"));
  events("which");
  show("umount", umount("d/mnt"));
  events("which");
  must(mount("none", "d/mnt", "tmpfs", 0, NULL));
  watch_file("d/mnt");
  mkdir("d/mnt/k", 0700);
  events("watch of the root");
  show("umount", umount("d/mnt"));
  events("which");
  rmdir("d/mnt");
  events("rmdir");
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  go_to_scratch();
  must(mount("none", ".", "tmpfs", 0, NULL));
  must(getcwd(top, sizeof top) ? 0 : -1);
  must(chdir(top));
  must(mkdir("d", 0777));
  must(mkdir("e", 0777));
  must(chmod("d", 0777));
  in = (int)must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  dir_wd = (int)must(inotify_add_watch(in, "d", IN_ALL_EVENTS));
  reading_and_writing();
  attributes();
  names();
  directories();
  terminals();
  others();
  unmounting();
  return 0;
}
