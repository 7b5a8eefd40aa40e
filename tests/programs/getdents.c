/* Reading directories: every entry once, . and .. too, with types; rewinding; a directory that changes. */
#include "check.h"
#include <dirent.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static void list(const char *path) {
  char *names[300];
  int n = 0;
  DIR *d = opendir(path);
  struct dirent *e;
  while ((e = readdir(d))) {
    char text[300];
    snprintf(text, sizeof text, "%s %d", e->d_name, e->d_type);
    names[n++] = strdup(text);
  }
  closedir(d);
  qsort(names, (size_t)n, sizeof *names, compare);
  say("%s: %d", path, n);
  for (int i = 0; i < n && i < 10; i++) say("  %s", names[i]);
}

int main(void) {
  go_to_scratch();
  must(mkdir("d", 0755));
  list("d");
  write_file("d/file", "", 0644);
  must(mkdir("d/dir", 0755));
  must(symlink("x", "d/link"));
  must(mkfifo("d/fifo", 0600));
  list("d");
  must(mkdir("many", 0755));
  for (int i = 0; i < 200; i++) {
    char name[40];
    snprintf(name, sizeof name, "many/a-rather-long-name-%d", i);
    write_file(name, "", 0644);
  }
  DIR *d = opendir("many");
  int n = 0, removed = 0;
  struct dirent *e;
  while ((e = readdir(d))) n++;
  rewinddir(d);
  while ((e = readdir(d)))
    if (e->d_name[0] != '.') removed += unlinkat(dirfd(d), e->d_name, 0) == 0;
  say("seen %d, removed %d", n, removed);
  closedir(d);
  show("rmdir", rmdir("many"));
  char buffer[1000];
  int fd = (int)must(open("d/file", O_RDONLY));
  show("not a directory", syscall(SYS_getdents, fd, buffer, sizeof buffer));
  fd = (int)must(open("d", O_RDONLY));
  show("read() of one", read(fd, buffer, 10));
  show("no room", syscall(SYS_getdents, fd, buffer, 3));
  return 0;
}
