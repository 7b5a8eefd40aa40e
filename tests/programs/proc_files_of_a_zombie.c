/* What the files of /proc/PID say of a zombie, and what a file that was open before says after it was reaped. */
// needs: root
#include "check.h"
#include <dirent.h>

static pid_t child;
static const char *const files[] = { "cmdline", "comm", "limits", "maps", "smaps", "stat", "statm", "status", "mounts", "wchan", "oom_score", "mountinfo" };
enum { FILES = sizeof files / sizeof *files };

static void look(const char *file) {
  char path[80], text[9000];
  snprintf(path, sizeof path, "/proc/%d/%s", child, file);
  int fd = open(path, O_RDONLY);
  if (fd == -1) {
    show(file, -1);
    return;
  }
  ssize_t n = read(fd, text, sizeof text);
  if (n == -1) show(file, -1);
  else say("%s: %s", file, n == 0 ? "empty" : "something");
  close(fd);
}
static void link_(const char *name) {
  char path[80], text[200];
  snprintf(path, sizeof path, "/proc/%d/%s", child, name);
  show_ok(name, readlink(path, text, sizeof text));
}
static void list(const char *name) {
  char path[80];
  snprintf(path, sizeof path, "/proc/%d/%s", child, name);
  DIR *d = opendir(path);
  if (!d) {
    show(name, -1);
    return;
  }
  int n = 0;
  errno = 0;
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  say("%s: %d entries, %s", name, n, errno ? errname(errno) : "ok");
  closedir(d);
}

int main(void) {
  CHILD(child) for (;;) pause();
  int open_before[FILES];
  for (int i = 0; i < FILES; i++) {
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/%s", child, files[i]);
    open_before[i] = open(path, O_RDONLY);
  }
  kill(child, SIGKILL);
  wait_state(child, "Z");
  for (int i = 0; i < FILES; i++) look(files[i]);
  link_("exe");
  link_("cwd");
  link_("root");
  list("fd");
  list("fdinfo");
  list("task");
  wait_for(child);
  say("reaped");
  link_("exe");
  list("fd");
  list("task");
  for (int i = 0; i < FILES; i++) {
    char text[4096];
    ssize_t n = read(open_before[i], text, sizeof text);
    if (n == -1) show(files[i], -1);
    else say("%s: %s", files[i], n == 0 ? "empty" : "something");
  }
  return 0;
}
