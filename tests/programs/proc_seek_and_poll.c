/* Moving in the files and directories of /proc, writing to those that cannot be written, and polling for changes. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mount.h>
// needs: root
// differs: later kernels have other limits, and read what was polled for in other ways

static char line[900];

static void note(long result) {
  int e = errno;
  char *end = line + strlen(line);
  if (result == -1) snprintf(end, 40, " %s", errname(e));
  else snprintf(end, 40, " %ld", result);
}

static void seek(const char *path) {
  static const struct { off_t offset; int whence; } moves[] = {
    { 0, SEEK_END }, { 5, SEEK_SET }, { 3, SEEK_CUR }, { -20, SEEK_CUR }, { -1, SEEK_END }, { 7, SEEK_END },
    { 0, SEEK_DATA }, { 0, SEEK_HOLE }, { 0, 5 }, { (1l << 31) - 1, SEEK_SET }, { 1l << 31, SEEK_SET },
    { LONG_MAX, SEEK_SET }, { 1, SEEK_CUR }, { 0, SEEK_SET },
  };
  int fd = open(path, O_RDWR), writable = fd != -1;
  if (!writable) fd = (int)must(open(path, O_RDONLY));
  snprintf(line, sizeof line, "%s:", path);
  for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) note(lseek(fd, moves[i].offset, moves[i].whence));
  if (writable) {
    strcat(line, ", written");
    note(write(fd, "", 0));
    note(pwrite(fd, "", 0, 0));
  }
  struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI, 0 };
  strcat(line, ", polled");
  note(poll(&p, 1, 0));
  note(p.revents);
  close(fd);
  say("%s", line);
}

static int files[4];
static void changes(const char *what) {
  snprintf(line, sizeof line, "%s:", what);
  for (int i = 0; i < 4; i++) {
    struct pollfd p = { files[i], POLLIN | POLLPRI, 0 };
    must(poll(&p, 1, 0));
    note(p.revents);
  }
  say("%s", line);
}

static void poll_names(void) {
  must(sethostname("abc", 3));
  changes("sethostname()");
  changes("again");
  show("sethostname() from bad memory", sethostname((char *)-1, 3));
  changes("it was tried");
  show("sethostname() of too much", sethostname(line, 65));
  changes("that is nothing");
  must(setdomainname("d", 1));
  changes("setdomainname()");
  must(write(files[0], "", 0));
  changes("nothing was written");
  must(write(files[0], "q\n", 2));
  changes("a name was written");
  pid_t pid = (pid_t)must(clone_fork(CLONE_NEWUTS | SIGCHLD));
  if (pid == 0) {
    must(sethostname("other", 5));
    _exit(0);
  }
  reap(pid);
  changes("in another namespace");
}

static void poll_mounts(void) {
  must(mkdir("a", 0755));
  must(mkdir("b", 0755));
  must(mount("none", "a", "tmpfs", 0, NULL));
  changes("mount");
  must(mount("a", "b", "", MS_BIND, NULL));
  changes("bind");
  show("no such directory", mount("none", "none", "tmpfs", 0, NULL));
  changes("nothing mounted");
  must(mount("", "b", "", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  changes("remount");
  must(umount("b"));
  changes("umount");
  must(umount2("a", MNT_DETACH));
  changes("detach");
  pid_t pid = (pid_t)must(clone_fork(CLONE_NEWNS | SIGCHLD));
  if (pid == 0) {
    must(mount("none", "a", "tmpfs", 0, NULL));
    _exit(0);
  }
  reap(pid);
  changes("in another namespace");
}

static void sleepers(void) {
  struct pollfd p[2] = { { files[0], POLLPRI, 0 }, { files[2], POLLPRI, 0 } };
  pid_t pid;
  CHILD(pid) {
    sleep_ms(20);
    must(sethostname("z", 1));
    _exit(0);
  }
  int n = poll(p, 2, 2000);
  say("woken: %d, %x %x", n, p[0].revents, p[1].revents);
  reap(pid);
  CHILD(pid) {
    sleep_ms(20);
    must(mount("none", "a", "tmpfs", 0, NULL));
    _exit(0);
  }
  n = poll(p, 2, 2000);
  say("woken: %d, %x %x", n, p[0].revents, p[1].revents);
  reap(pid);
  must(umount("a"));
  static const char *const paths[] = {
    "/proc/version", "/proc/self/status", "/proc/self/mounts", "/proc/sys/kernel/pid_max", "/proc/swaps", "/proc",
  };
  int e = (int)must(epoll_create(1));
  struct epoll_event event = { EPOLLPRI, { 0 } };
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    show(paths[i], epoll_ctl(e, EPOLL_CTL_ADD, (int)must(open(paths[i], O_RDONLY)), &event));
}

int main(void) {
  static const char *const paths[] = {
    "/proc", "/proc/self", "/proc/self/fd", "/proc/self/task", "/proc/self/ns", "/proc/sys", "/proc/tty",
    "/proc/self/cmdline", "/proc/self/environ", "/proc/self/limits", "/proc/self/status", "/proc/self/maps",
    "/proc/self/comm", "/proc/self/oom_adj", "/proc/self/oom_score_adj", "/proc/self/io", "/proc/self/mountinfo",
    "/proc/self/fdinfo/0", "/proc/version", "/proc/swaps", "/proc/sys/kernel/hostname", "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/ostype", "/tmp",
  };
  must(unshare(CLONE_NEWNS | CLONE_NEWUTS));
  go_to_scratch();
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) seek(paths[i]);
  static const char *const polled[] = {
    "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname", "/proc/mounts", "/proc/self/mountinfo",
  };
  for (int i = 0; i < 4; i++) files[i] = (int)must(open(polled[i], i < 2 ? O_RDWR : O_RDONLY));
  changes("fresh");
  poll_names();
  poll_mounts();
  sleepers();
  return 0;
}
