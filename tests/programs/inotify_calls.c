/* inotify(7): its calls' errors, what a watch's mask means, reading and waiting, full queues, limits, who shares what. */
// differs: later kernels take IN_MASK_CREATE, restart a read that a signal has ended, queue no end of a watch when the queue
// is full, and have limits by the size of the memory
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

static int in;
static char buf[4096];

/* "what: 1:2(f) 2:8000": of each event the watch, the mask and the name. */
static void events(const char *what) {
  char line[900];
  int at = snprintf(line, sizeof line, "%s:", what);
  ssize_t n;
  while ((n = read(in, buf, sizeof buf)) > 0)
    for (char *p = buf; p < buf + n;) {
      struct inotify_event *e = (struct inotify_event *)p;
      at += snprintf(line + at, sizeof line - (size_t)at, " %d:%x%s%s%s", e->wd, e->mask, e->len ? "(" : "", e->len ? e->name : "", e->len ? ")" : "");
      p += sizeof *e + e->len;
    }
  say("%s", line);
}
static int queued(void) {
  int n = -1;
  must(ioctl(in, FIONREAD, &n));
  return n;
}
static long watch(const char *name, unsigned mask) { return inotify_add_watch(in, name, mask); }
static void touch(const char *name) { write_file(name, "x", 0600); }
static void set_limit(const char *name, const char *value) {
  char path[80];
  snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, value, strlen(value)) < 0) say("%s: %s", name, errname(errno));
  close(fd);
}
static void show_limit(const char *name) {
  char path[80], text[30] = "";
  snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
  int fd = open(path, O_RDONLY);
  struct stat st = { 0 };
  fstat(fd, &st);
  read(fd, text, 29);
  close(fd);
  say("%s: %o, %ld", name, st.st_mode & 07777, atol(text));
}

static void errors(void) {
  char link[40] = "", path[40];
  show("init1 with other flags", inotify_init1(1));
  in = (int)must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  snprintf(path, sizeof path, "/proc/self/fd/%d", in);
  readlink(path, link, 39);
  say("%s, flags %o, %d", link, fcntl(in, F_GETFL), fcntl(in, F_GETFD));
  show("watch of no descriptor", inotify_add_watch(99, "d", IN_OPEN));
  show("of another one, of nothing", inotify_add_watch(1, "nothing", 0));
  show("no name", inotify_add_watch(in, NULL, IN_OPEN));
  show("an empty one", watch("", IN_OPEN));
  show("nothing, with no mask", watch("nothing", 0));
  show("no mask", watch("d", 0));
  show("IN_ISDIR | IN_IGNORED | IN_UNMOUNT | IN_ONESHOT", watch("d", IN_ISDIR | IN_IGNORED | IN_UNMOUNT | IN_ONESHOT));
  show("bit 12", watch("d", 0x1000));
  show("file, IN_ONLYDIR", watch("f", IN_OPEN | IN_ONLYDIR));
  show("rm of no descriptor", inotify_rm_watch(99, 1));
  show("rm of another one", inotify_rm_watch(1, 1));
  show("rm of no watch", inotify_rm_watch(in, 1));
  show("rm of watch -1", inotify_rm_watch(in, -1));
  show("lseek", lseek(in, 0, SEEK_SET));
  show("pread", pread(in, buf, 100, 0));
  show("write", write(in, buf, 100));
  show("ioctl", ioctl(in, TIOCGWINSZ, buf));
  show("FIONREAD to nowhere", ioctl(in, FIONREAD, NULL));
  show("read, nothing there", read(in, buf, 100));
  show("read of nothing", read(in, buf, 0));
}

static void numbers_and_masks(void) {
  show("first watch", watch("d", IN_OPEN));
  show("the same", watch("d/../d", IN_CREATE));
  show("second", watch("f", IN_OPEN));
  show("its other name", watch("g", IN_OPEN));
  show("a symbolic link", watch("s", IN_OPEN));
  show("not followed", watch("s", IN_OPEN | IN_DONT_FOLLOW));
  touch("d/1");
  events("mask was replaced");
  show("and is added to", watch("d", IN_OPEN | IN_MASK_ADD));
  touch("d/2");
  events("which");
  show("rm", inotify_rm_watch(in, 1));
  show("again", inotify_rm_watch(in, 1));
  touch("d/1");
  events("which");
  show("a new number", watch("d", IN_CREATE));
  show("oneshot", watch("f", IN_ACCESS | IN_ONESHOT));
  close(open("f", O_RDONLY));
  events("another event");
  int fd = open("f", O_RDONLY);
  read(fd, buf, 1);
  read(fd, buf, 1);
  close(fd);
  events("its event");
  show("rm", inotify_rm_watch(in, 2));
  show("oneshot is not added to, it is", watch("f", IN_OPEN));
  watch("f", IN_ONESHOT | IN_MASK_ADD | IN_CLOSE);
  close(open("f", O_RDONLY));
  events("event");
  show("name 15 bytes long", watch("d", IN_CREATE));
  touch("d/123456789012345");
  say("queued %d", queued());
  touch("d/1234567890123456");
  say("queued %d", queued());
  show("room for the head only", read(in, buf, 16));
  show("room for one and a half", read(in, buf, 60));
  events("rest");
}

static void unlinked(void) {
  must(mkdir("u", 0700));
  int fd = (int)must(open("u/a", O_RDWR | O_CREAT, 0600));
  watch("u", IN_MODIFY | IN_CLOSE | IN_DELETE | IN_ATTRIB);
  write(fd, "x", 1);
  unlink("u/a");
  write(fd, "x", 1);
  fchmod(fd, 0700);
  events("without IN_EXCL_UNLINK");
  watch("u", IN_MODIFY | IN_CLOSE | IN_DELETE | IN_ATTRIB | IN_EXCL_UNLINK);
  write(fd, "x", 1);
  fchmod(fd, 0600);
  close(fd);
  events("with it");
}

static void merging(void) {
  watch("f", IN_OPEN | IN_CLOSE | IN_MODIFY | IN_ATTRIB);
  int fd = open("f", O_WRONLY), other = open("g", O_WRONLY);
  events("two names opened");
  write(fd, "1", 1);
  write(fd, "2", 1);
  write(fd, "3", 1);
  events("three writes");
  write(fd, "1", 1);
  write(other, "2", 1);
  events("through two names");
  chmod("f", 0600);
  chmod("g", 0600);
  events("two chmods");
  close(fd);
  close(other);
  events("closed");
  watch("d", IN_ATTRIB);
  chmod("f", 0600);
  chmod("d", 0755);
  chmod("d", 0755);
  events("two watched files, the second twice");
  watch("d", IN_CREATE | IN_DELETE);
  touch("d/a");
  unlink("d/a");
  touch("d/a");
  unlink("d/a");
  events("made and removed twice");
}

static void overflow(void) {
  int old = in;
  set_limit("max_queued_events", "3");
  in = (int)must(inotify_init1(IN_NONBLOCK));
  set_limit("max_queued_events", "16384");
  long wd = watch("d", IN_CREATE | IN_DELETE);
  touch("d/o1");
  touch("d/o2");
  touch("d/o3");
  say("queued %d", queued());
  touch("d/o4");
  say("queued %d", queued());
  touch("d/o5");
  say("queued %d", queued());
  show("rm", inotify_rm_watch(in, (int)wd));
  say("queued %d", queued());
  events("which");
  close(in);
  set_limit("max_queued_events", "0");
  in = (int)must(inotify_init1(IN_NONBLOCK));
  set_limit("max_queued_events", "16384");
  watch("d", IN_CREATE | IN_DELETE);
  unlink("d/o1");
  unlink("d/o2");
  events("no events at all");
  close(in);
  in = old;
  events("the other instance");
}

static volatile int alarms;
static void on_alarm(int sig) { (void)sig; alarms++; }

static void waiting(void) {
  struct pollfd p = { in, POLLIN | POLLOUT | POLLRDNORM, 0 };
  pid_t pid;
  int status;
  show("poll", poll(&p, 1, 0));
  must(fcntl(in, F_SETFL, 0));
  on_signal_flags(SIGALRM, on_alarm, SA_RESTART);
  ualarm(10000, 0);
  show("read and a signal", read(in, buf, 100));
  say("alarms %d", alarms);
  CHILD(pid) {
    close(open("f", O_RDONLY));
    _exit(0);
  }
  waitpid(pid, &status, 0);
  show("poll", poll(&p, 1, 0));
  say("revents %x", p.revents);
  CHILD(pid) {
    show("child reads", read(in, buf, 16));
    _exit(0);
  }
  waitpid(pid, &status, 0);
  show("parent reads", read(in, buf, 1000));
  CHILD(pid) {
    show("child sleeps", read(in, buf, 16));
    _exit(0);
  }
  wait_asleep(pid);
  chmod("f", 0640);
  waitpid(pid, &status, 0);
  CHILD(pid) {
    show("child sleeps, without room", read(in, buf, 4));
    _exit(0);
  }
  wait_asleep(pid);
  chmod("f", 0600);
  waitpid(pid, &status, 0);
  int ep = (int)must(epoll_create1(0));
  struct epoll_event e = { EPOLLIN | EPOLLET, { .u32 = 7 } };
  must(epoll_ctl(ep, EPOLL_CTL_ADD, in, &e));
  show("epoll", epoll_wait(ep, &e, 1, 0));
  show("again", epoll_wait(ep, &e, 1, 0));
  chmod("f", 0600);
  show("the same event once more", epoll_wait(ep, &e, 1, 0));
  close(open("f", O_RDONLY));
  show("other events", epoll_wait(ep, &e, 1, 0));
  show("bad address", syscall(SYS_read, in, 8, 100));
  show("what is left", queued());
  must(fcntl(in, F_SETFL, O_NONBLOCK));
  close(ep);
}

static void limits(void) {
  pid_t pid;
  show_limit("max_user_instances");
  show_limit("max_user_watches");
  show_limit("max_queued_events");
  set_limit("max_user_watches", "-1");
  set_limit("max_user_watches", "2");
  set_limit("max_user_instances", "2");
  chmod("f", 0600);
  chmod(".", 0755);
  uid_t uid = fresh_uid();
  CHILD(pid) {
    must(setresuid(uid, uid, uid));
    int a = (int)must(inotify_init()), b = (int)must(inotify_init());
    show("third instance", inotify_init());
    close(b);
    show_ok("after one has gone", inotify_init());
    show("not readable", inotify_add_watch(a, "f", IN_OPEN));
    show("one", inotify_add_watch(a, "d", IN_OPEN));
    show("two", inotify_add_watch(a, ".", IN_OPEN));
    show("three", inotify_add_watch(a, "/", IN_OPEN));
    show("a known one", inotify_add_watch(a, "d", IN_OPEN | IN_CLOSE));
    show("rm", inotify_rm_watch(a, 1));
    show("three", inotify_add_watch(a, "/", IN_OPEN));
    _exit(0);
  }
  reap(pid);
  set_limit("max_user_watches", "8192");
  set_limit("max_user_instances", "128");
}

int main(void) {
  pid_t pid;
  go_to_scratch();
  must(mkdir("d", 0755));
  touch("f");
  must(link("f", "g"));
  must(symlink("f", "s"));
  errors();
  numbers_and_masks();
  unlinked();
  merging();
  overflow();
  waiting();
  limits();
  events("rest");
  close(in);
  in = (int)must(inotify_init1(IN_NONBLOCK));
  watch("f", IN_OPEN);
  CHILD(pid) {
    close(in);
    _exit(0);
  }
  reap(pid);
  close(open("f", O_RDONLY));
  events("closed by a child");
  return 0;
}
