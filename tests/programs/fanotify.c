/* fanotify(7): listeners, marks of files, directories and mounts, what is ignored, what is merged, and whose doing it was. */
// differs: later kernels know more flags and events, check event_f_flags, keep events of different files apart, tell of no
// O_PATH descriptors, have limits of their own, and are built with permission events
#include "check.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

enum { ADD = 1, REMOVE = 2, DONT_FOLLOW = 4, ONLYDIR = 8, MOUNT_ = 16, IGNORED = 32, SURVIVES = 64, FLUSH = 128 };
enum { ACCESS = 1, MODIFY = 2, CLOSE_W = 8, CLOSE_NOW = 16, OPEN = 32, CHILD_ = 0x8000000, ONDIR = 0x40000000, ALL = 0x3b };

struct metadata { unsigned len; unsigned char vers, reserved; unsigned short metadata_len; unsigned long mask; int fd, pid; };

static int fan;
static char buf[4096];

static long init(unsigned flags, unsigned f_flags) { return syscall(300, flags, f_flags); }
static long mark_at(int fd, unsigned flags, unsigned long mask, int dfd, const char *name) { return syscall(301, fd, flags, mask, dfd, name); }
static long mark(unsigned flags, unsigned long mask, const char *name) { return mark_at(fan, flags, mask, AT_FDCWD, name); }

/* "what: 20(f) self": mask, name by its descriptor, and who. */
static void events_of(int fd, const char *what) {
  char line[900];
  int at = snprintf(line, sizeof line, "%s:", what);
  ssize_t n;
  while ((n = read(fd, buf, sizeof buf)) > 0)
    for (char *p = buf; p < buf + n;) {
      struct metadata *m = (struct metadata *)p;
      char link[40], name[200] = "";
      snprintf(link, sizeof link, "/proc/self/fd/%d", m->fd);
      if (m->fd >= 0 && readlink(link, name, 199) > 0) close(m->fd);
      char *base = strrchr(name, '/');
      at += snprintf(line + at, sizeof line - (size_t)at, " %lx(%s) %s,", m->mask, base ? base + 1 : "", relation(m->pid, getpid(), getppid(), -1));
      p += m->len;
    }
  if (line[at - 1] == ',') line[at - 1] = 0;
  say("%s", line);
}
static void events(const char *what) { events_of(fan, what); }
static void touch(const char *name) { write_file(name, "x", 0644); }
static void look_at(const char *name) {
  int fd = (int)must(open(name, O_RDONLY));
  read(fd, buf, 1);
  close(fd);
}

static void errors(void) {
  char link[40] = "", path[40];
  pid_t pid;
  show("init with other flags", init(0x40, 0));
  show("both classes", init(12, 0));
  show_ok("any flags of files", close((int)init(0, 0x7fffffff)));
  fan = (int)must(init(3, O_RDONLY));
  snprintf(path, sizeof path, "/proc/self/fd/%d", fan);
  readlink(path, link, 39);
  say("%s, flags %o, %d", link, fcntl(fan, F_GETFL), fcntl(fan, F_GETFD));
  CHILD(pid) {
    must(setuid(5));
    show("init by a user", init(0x1000, 0));
    show("mark by a user", mark(ADD, OPEN, "f"));
    show("of what is not readable", mark(ADD, OPEN, "secret"));
    _exit(0);
  }
  reap(pid);
  mark(FLUSH, 0, "f");
  show("high mask", mark_at(99, 0x100, 1UL << 32, AT_FDCWD, "nothing"));
  show("unknown flags", mark_at(99, 0x101, OPEN, AT_FDCWD, "nothing"));
  show("neither", mark_at(99, 0, OPEN, AT_FDCWD, "nothing"));
  show("both", mark_at(99, ADD | REMOVE, OPEN, AT_FDCWD, "nothing"));
  show("no events", mark_at(99, ADD, 0, AT_FDCWD, "nothing"));
  show("FLUSH of no descriptor", mark_at(99, FLUSH, 0, AT_FDCWD, "nothing"));
  show("events of inotify's", mark_at(99, ADD, 4, AT_FDCWD, "nothing"));
  show("OPEN_PERM", mark_at(99, ADD, 0x10000, AT_FDCWD, "nothing"));
  show("ON_CHILD", mark_at(99, ADD, CHILD_, AT_FDCWD, "nothing"));
  show("another descriptor", mark_at(1, ADD, OPEN, AT_FDCWD, "nothing"));
  show("no such file", mark(ADD, OPEN, "nothing"));
  show("no such file, FLUSH", mark(FLUSH, 0, "nothing"));
  show("not a directory", mark(ADD | ONLYDIR, OPEN, "f"));
  show("no name, no descriptor", mark_at(fan, ADD, OPEN, 99, NULL));
  int fd = (int)must(open("f", O_RDONLY));
  show("no name, not a directory", mark_at(fan, ADD | ONLYDIR, OPEN, fd, NULL));
  show("no name", mark_at(fan, ADD, CLOSE_NOW, fd, NULL));
  close(fd);
  events("close");
  show("remove what is not there", mark(REMOVE, OPEN, "g"));
  show("remove other events", mark(REMOVE, OPEN, "f"));
  show("remove", mark(REMOVE, CLOSE_NOW, "f"));
  show("remove once more", mark(REMOVE, CLOSE_NOW, "f"));
  show("bad name", mark(ADD, OPEN, (char *)8));
  show("lseek", lseek(fan, 0, SEEK_SET));
  show("write", write(fan, buf, 8));
  show("ioctl", ioctl(fan, TIOCGWINSZ, buf));
  show("read", read(fan, buf, 10));
}

static void reading(void) {
  struct pollfd p = { fan, POLLIN | POLLRDNORM, 0 };
  int n;
  must(mark(ADD, OPEN | MODIFY, "f"));
  must(mark(ADD, OPEN, "g"));
  show("poll", poll(&p, 1, 0));
  look_at("f");
  look_at("g");
  show("poll", poll(&p, 1, 0));
  must(ioctl(fan, FIONREAD, &n));
  say("queued %d", n);
  show("too small", read(fan, buf, 23));
  show("room for one and a half", read(fan, buf, 40));
  struct metadata *m = (struct metadata *)buf;
  say("version %d, length %d", m->vers, m->metadata_len);
  say("flags %o, %d", fcntl(m->fd, F_GETFL), fcntl(m->fd, F_GETFD));
  show("write to it", write(m->fd, "x", 1));
  show("read from it", read(m->fd, buf + 100, 1));
  close(m->fd);
  show("bad address", syscall(SYS_read, fan, 8, 100));
  events("and that is lost");
  char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 4096, 4096);
  int before = dup(0);
  close(before);
  look_at("f");
  look_at("g");
  show("bad address for the second", syscall(SYS_read, fan, pages + 4096 - 30, 100));
  int after = dup(0);
  say("descriptors of the first %d, of both %d", after == before + 1, after == before + 2);
  close(after);
  close(before);
  struct rlimit limit, old;
  must(getrlimit(RLIMIT_NOFILE, &old));
  look_at("f");
  limit = old;
  limit.rlim_cur = 3;
  must(setrlimit(RLIMIT_NOFILE, &limit));
  show("no descriptor", read(fan, buf, 100));
  must(setrlimit(RLIMIT_NOFILE, &old));
  events("and that is lost");
  must(chmod("p", 0755));
  pid_t pid;
  must(mark(ADD, OPEN | ACCESS | CLOSE_NOW, "p"));
  CHILD(pid) {
    execl("p", "p", NULL);
    _exit(0);
  }
  reap(pid);
  events("a script that was executed");
  CHILD(pid) {
    look_at("f");
    _exit(0);
  }
  reap(pid);
  look_at("f");
  events("two processes");
  int fd = (int)must(open("f", O_PATH));
  close(fd);
  events("O_PATH");
  int readers[2];
  must(pipe(readers));
  fd = (int)must(open("f", O_RDWR));
  write(fd, "1", 1);
  write(fd, "2", 1);
  fchmod(fd, 0644);
  ftruncate(fd, 1);
  close(fd);
  events("all in one");
  must(fcntl(fan, F_SETFL, 0));
  CHILD(pid) {
    ssize_t got = read(fan, buf, 100);
    say("slept: %zd, mask %lx", got, ((struct metadata *)buf)->mask);
    _exit(0);
  }
  wait_asleep(pid);
  look_at("f");
  reap(pid);
  must(fcntl(fan, F_SETFL, O_NONBLOCK));
  must(mark(FLUSH, 0, "f"));
  look_at("f");
  events("flushed");
}

static void directories(void) {
  int in = (int)must(inotify_init());
  must(inotify_add_watch(in, "d", IN_ALL_EVENTS));
  must(mark(ADD, ALL, "d"));
  look_at("d/x");
  close((int)must(open("d", O_RDONLY)));
  events("a directory, without ONDIR and EVENT_ON_CHILD");
  must(mark(ADD, ALL | CHILD_, "d"));
  look_at("d/x");
  events("with EVENT_ON_CHILD");
  look_at("d/x");
  look_at("d/y");
  events("two files in it");
  close((int)must(open("d", O_RDONLY)));
  close((int)must(open("d/sub", O_RDONLY)));
  events("directories");
  touch("d/new");
  unlink("d/new");
  events("made, written, removed");
  close((int)must(open("d", O_RDONLY)));
  events("directories since something was modified");
  must(mark(ADD, ALL | CHILD_ | ONDIR, "d"));
  close((int)must(open("d/sub", O_RDONLY)));
  look_at("d/sub/z");
  events("with ONDIR");
  mkfifo("d/fifo", 0600);
  close((int)must(open("d/fifo", O_RDWR)));
  events("no FIFO");
  close(in);
  must(mark(FLUSH, 0, "f"));
}

static void ignoring(void) {
  must(mark(ADD, OPEN | CLOSE_NOW, "f"));
  must(mark(ADD | IGNORED, OPEN, "f"));
  look_at("f");
  events("OPEN is ignored");
  int fd = (int)must(open("f", O_WRONLY));
  write(fd, "x", 1);
  look_at("f");
  events("until it was modified");
  must(mark(ADD | IGNORED, OPEN, "f"));
  look_at("f");
  events("and not again while it is open for writing");
  close(fd);
  must(mark(ADD | IGNORED | SURVIVES, OPEN, "f"));
  touch("f");
  look_at("f");
  events("that survives");
  show("remove", mark(REMOVE | IGNORED, OPEN, "f"));
  look_at("f");
  events("not ignored any more");
  mark(FLUSH, 0, "f");
}

static void mounts(void) {
  must(mkdir("m", 0755));
  must(mount("none", "m", "tmpfs", 0, NULL));
  must(mkdir("m/k", 0755));
  touch("m/k/f");
  must(mkdir("n", 0755));
  must(mount("m", "n", NULL, MS_BIND, NULL));
  must(mark(ADD | MOUNT_, ALL, "m/k"));
  look_at("m/k/f");
  close((int)must(open("m/k", O_RDONLY)));
  events("a mount");
  look_at("n/k/f");
  events("the other mount of it");
  must(mark(ADD | IGNORED, OPEN, "m/k/f"));
  look_at("m/k/f");
  events("a file that is ignored");
  must(mark(ADD, ACCESS, "m/k/f"));
  look_at("n/k/f");
  events("marked itself, by the other mount");
  show("umount with nothing unread", umount("n"));
  look_at("m/k/f");
  show("umount with events unread", umount("m"));
  events("which");
  mark(FLUSH, 0, "f");
  look_at("m/k/f");
  events("marks of files flushed");
  mark(FLUSH | MOUNT_, 0, "f");
  look_at("m/k/f");
  events("of mounts");
  must(mark(ADD | MOUNT_, OPEN, "m"));
  show("umount of a marked mount", umount("m"));
  events("which");
}

static void several(void) {
  int other = (int)must(init(2, O_RDWR)), content = (int)must(init(2 | 4, O_WRONLY));
  must(mark(ADD, OPEN | CLOSE_NOW, "f"));
  must(mark_at(other, ADD, OPEN, AT_FDCWD, "f"));
  must(mark_at(content, ADD, OPEN | CLOSE_NOW | ACCESS, AT_FDCWD, "f"));
  look_at("f");
  events("the first");
  events_of(other, "another");
  events_of(content, "of a higher class");
  look_at("f");
  read(other, buf, 24);
  struct metadata *m = (struct metadata *)buf;
  say("flags %o", fcntl(m->fd, F_GETFL));
  show("write", write(m->fd, "x", 1));
  close(m->fd);
  events("no event of that");
  close(other);
  close(content);
  int fds[200], n = 0;
  while (n < 200 && (fds[n] = (int)init(0, 0)) >= 0) n++;
  say("%d more, then %s", n, errname(errno));
  while (n) close(fds[--n]);
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  go_to_scratch();
  must(mount("none", ".", "tmpfs", 0, "mode=755"));
  char here[300];
  must(getcwd(here, sizeof here) ? 0 : -1);
  must(chdir(here));
  touch("f");
  touch("g");
  touch("secret");
  must(chmod("secret", 0600));
  write_file("p", "#!/nothing\n", 0644);
  must(mkdir("d", 0755));
  must(mkdir("d/sub", 0755));
  touch("d/x");
  touch("d/y");
  touch("d/sub/z");
  errors();
  reading();
  directories();
  ignoring();
  mounts();
  several();
  return 0;
}
