/* cgroup.h: what the programs about control groups share. They work in a directory of their own, with c to mount on. */
#ifndef CGROUP_H
#define CGROUP_H
#include "check.h"

#include <sys/mount.h>

/* Write a text; the result of write(2), -1 if it cannot even be opened. */
static inline long put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1) return -1;
  long r = write(fd, text, strlen(text));
  int e = errno;
  close(fd);
  errno = e;
  return r;
}
/* As put(), with the result shown. */
static inline void set(const char *path, const char *text) {
  char what[200];
  snprintf(what, sizeof what, "%s <- %s", path, text);
  show(what, put(path, text));
}
/* Write a number. */
static inline long put_number(const char *path, long n) {
  char text[24];
  snprintf(text, sizeof text, "%ld", n);
  return put(path, text) == -1 ? -1 : 0;
}
/* All of a file, or the error's name. */
static inline const char *get(const char *path) {
  static char text[6][4096];
  static int next;
  char *t = text[next++ % 6];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return errname(errno);
  ssize_t n, all = 0;
  while ((n = read(fd, t + all, (size_t)(4095 - all))) > 0) all += n;
  int e = errno;
  close(fd);
  if (n < 0) return errname(e);
  t[all] = 0;
  return t;
}
static inline double number(const char *path) { return atof(get(path)); }
/* A file, shown. */
static inline void see(const char *path) { say("%s: %s", path, get(path)); }
/* One line of a file, from what on. */
static inline const char *line_of(const char *path, const char *what) {
  char *found = strstr((char *)get(path), what);
  if (!found) return "not there";
  found[strcspn(found, "\n")] = 0;
  return found;
}
/* /proc/self/cgroup without the number of the newest hierarchy. */
static inline const char *groups(void) {
  const char *text = strchr(get("/proc/self/cgroup"), ':');
  return text ? text : "none\n";
}
static inline void working_directory(void) {
  char name[] = "/tmp/cgroupXXXXXX";
  if (!mkdtemp(name) || chmod(name, 0755) || chdir(name) || mkdir("c", 0755)) _exit(96);
}
/* Which of our tasks are in a group: not numbers, but letters for them. */
static inline long mount_groups(const char *options) { return mount("none", "c", "cgroup", 0, options); }
#endif
