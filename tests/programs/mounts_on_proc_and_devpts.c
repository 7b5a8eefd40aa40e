/* What is mounted on files of /proc and of /dev/pts is met there, until what they stand for is gone. */
#include "tty.h"
#include <sys/mount.h>
// needs: root
// needs: pty
// differs: later kernels take mounts on what has ended away

static void cat(const char *what, const char *path) {
  char text[64] = "";
  int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  if (fd == -1) {
    show(what, fd);
    return;
  }
  ssize_t n = read(fd, text, sizeof text - 1);
  if (n >= 0) text[n] = 0;
  say("%s: %s", what, n < 0 ? errname(errno) : !strcmp(text, "mine\n") ? "mine" : !strcmp(text, "x\n") ? "x" : "its own");
  close(fd);
}

/* The lines of mountinfo with needle in them: what is mounted there, as its file system calls it. */
static void mountinfo(const char *needle) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char text[500];
  while (fgets(text, sizeof text, f)) {
    char inside[200], place[200];
    if (sscanf(text, "%*d %*d %*d:%*d %199s %199s", inside, place) != 2 || !strstr(place, needle)) continue;
    char *scratch = strstr(inside, "scratch-");
    say("  mounted: %s", scratch ? scratch + strlen("scratch-XXXXXX") : inside);
  }
  fclose(f);
}

static long bind_(const char *what, const char *where) { return mount(what, where, "", MS_BIND, NULL); }

static void of_the_machine(void) {
  show("bind", bind_("f", "/proc/version"));
  cat("/proc/version", "/proc/version");
  mountinfo("/proc/version");
  show("bind again", bind_("d/x", "/proc/version"));
  cat("/proc/version", "/proc/version");
  mountinfo("/proc/version");
  show("umount", umount("/proc/version"));
  cat("/proc/version", "/proc/version");
  show("umount", umount("/proc/version"));
  cat("/proc/version", "/proc/version");
  show("umount", umount("/proc/version"));
  show("bind", bind_("f", "/proc/sys/kernel/hostname"));
  cat("hostname", "/proc/sys/kernel/hostname");
  show("umount", umount("/proc/sys/kernel/hostname"));
  show("a directory", bind_("d", "/proc/sys"));
  cat("/proc/sys/x", "/proc/sys/x");
  cat("/proc/sys/kernel/ostype", "/proc/sys/kernel/ostype");
  show("umount", umount("/proc/sys"));
  cat("/proc/sys/kernel/ostype", "/proc/sys/kernel/ostype");
  show("a directory on a file", bind_("d", "/proc/version"));
  show("a file on a directory", bind_("f", "/proc/sys"));
  show("from /proc", bind_("/proc/version", "f"));
  cat("f", "f");
  show("umount", umount("f"));
}

static void of_processes(void) {
  char path[60];
  show("bind", bind_("f", "/proc/self/status"));
  cat("/proc/self/status", "/proc/self/status");
  snprintf(path, sizeof path, "/proc/%d/status", getpid());
  cat("by its number", path);
  pid_t pid;
  CHILD(pid) {
    cat("a child's own", "/proc/self/status");
    cat("its parent's", path);
    _exit(0);
  }
  reap(pid);
  show("umount", umount(path));
  cat("/proc/self/status", "/proc/self/status");

  CHILD(pid) {
    pause();
    _exit(0);
  }
  char task[60];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  snprintf(task, sizeof task, "/proc/%d/task/%d/comm", pid, pid);
  show("bind", bind_("f", path));
  show("bind", bind_("f", task));
  cat("a child's", path);
  cat("of its task", task);
  must(kill(pid, SIGKILL));
  reap(pid);
  cat("of the dead", path);
  show("umount", umount(path));
  mountinfo("/status");
}

static void of_terminals(void) {
  int m = open_master();
  char path[40];
  snprintf(path, sizeof path, "/dev/pts/%d", slave_number(m));
  show("bind", bind_("f", path));
  cat("a slave", path);
  show("umount", umount(path));
  int s = (int)must(open(path, O_RDWR | O_NOCTTY));
  say("a terminal: %d", isatty(s));
  close(s);
  show("bind", bind_(path, "f"));
  s = (int)must(open("f", O_RDWR | O_NOCTTY));
  say("a terminal: %d", isatty(s));
  close(s);
  show("umount", umount("f"));
  show("bind", bind_("f", path));
  close(m);
  cat("without a master", path);
  mountinfo(path);
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  go_to_scratch();
  write_file("f", "mine\n", 0644);
  must(mkdir("d", 0755));
  write_file("d/x", "x\n", 0644);
  of_the_machine();
  of_processes();
  of_terminals();
  return 0;
}
