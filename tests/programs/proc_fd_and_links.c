/* /proc/PID/fd and fdinfo, exe, cwd and root: open files by number, deleted ones, and opening through the links. */
#include "check.h"
#include <dirent.h>

static void link_(const char *name, const char *path) {
  char text[300], *p = text;
  ssize_t n = readlink(path, text, sizeof text - 1);
  if (n == -1) {
    show(name, -1);
    return;
  }
  text[n] = 0;
  if (strrchr(text, '/')) p = strrchr(text, '/') + 1;
  if (!strncmp(p, "scratch-", 8)) strcpy(p + 8, strstr(p, " (") ? strstr(p, " (") : "");
  say("%s: %s", name, p);
}
static void info(int fd) {
  char path[60], line[100];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *f = fopen(path, "re");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "pos", 3) || !strncmp(line, "flags", 5)) say("  %.*s", (int)strcspn(line, "\n"), line);
  if (f) fclose(f);
}

int main(void) {
  go_to_scratch();
  write_file("file", "0123456789", 0644);
  int fd = (int)must(open("file", O_RDWR | O_APPEND)), high = (int)must(fcntl(fd, F_DUPFD, 77));
  must(lseek(fd, 4, SEEK_SET));
  link_("fd", "/proc/self/fd/77");
  info(high);
  must(fcntl(fd, F_SETFL, O_NONBLOCK));
  info(fd);
  struct stat st;
  must(lstat("/proc/self/fd/77", &st));
  say("link mode %o", st.st_mode);
  close(fd);
  fd = (int)must(open("file", O_WRONLY));
  char path[60];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  must(lstat(path, &st));
  say("write only: link mode %o", st.st_mode);
  must(unlink("file"));
  link_("deleted", path);
  int again = open("/proc/self/fd/77", O_RDONLY);
  char text[20];
  say("still opened through the link: %d, at its own offset: %d", again >= 0, (int)read(again, text, sizeof text));
  show_ok("through the name", open("file", O_RDONLY));
  int p[2];
  ssize_t n;
  must(pipe(p));
  snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
  int writer = open(path, O_WRONLY);
  n = write(writer, "abc", 3);
  say("a pipe opened for the other direction: %d, %d", (int)n, (int)read(p[0], text, 3));
  must(mkdir("dir", 0755));
  must(chdir("dir"));
  link_("cwd", "/proc/self/cwd");
  must(rmdir("../dir"));
  link_("cwd deleted", "/proc/self/cwd");
  must(chdir(".."));
  link_("cwd", "/proc/self/cwd");
  link_("no such descriptor", "/proc/self/fd/99");
  link_("not a number", "/proc/self/fd/x");
  pid_t child;
  CHILD(child) for (;;) pause();
  snprintf(path, sizeof path, "/proc/%d/fd/77", child);
  link_("a child's", path);
  snprintf(path, sizeof path, "/proc/%d/fd", child);
  DIR *d = opendir(path);
  n = 0;
  while (readdir(d)) n++;
  say("listed: %d", (int)n - 2);
  kill(child, SIGKILL);
  wait_for(child);
  rewinddir(d);
  errno = 0;
  int ended = readdir(d) == NULL;
  say("of a process that is gone: %d %s", ended, errname(errno));
  return 0;
}
