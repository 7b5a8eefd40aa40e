/* In /proc looking up a name that is not there fails at once, so that whatever would make it says ENOENT, to everybody. */
// needs: root
#include "check.h"
#include <sys/stat.h>

static void try_at(const char *directory) {
  char new[100], old[100];
  snprintf(new, sizeof new, "%s/new", directory);
  snprintf(old, sizeof old, "%s/status", directory);
  say("%s", directory);
  show("  open to create", open(new, O_RDWR | O_CREAT, 0600));
  show("  open to create anew", open(new, O_RDWR | O_CREAT | O_EXCL, 0600));
  show("  mkdir", mkdir(new, 0755));
  show("  symlink", symlink("target", new));
  show("  mknod of a file", mknod(new, S_IFREG | 0600, 0));
  show("  mknod of a FIFO", mknod(new, S_IFIFO | 0600, 0));
  show("  rename of nothing", rename(new, old));
  show("  unlink", unlink(new));
  show("  rmdir", rmdir(new));
  show("  mkdir of what is there", mkdir(old, 0755));
}

int main(void) {
  for (int ordinary = 0; ordinary < 2; ordinary++) {
    pid_t child;
    CHILD(child) {
      if (ordinary) must(setresuid(65534, 65534, 65534));
      try_at("/proc");
      try_at("/proc/self");
      try_at("/proc/self/fd");
      try_at("/proc/self/task");
      try_at("/proc/sys/kernel");
      _exit(0);
    }
    say("%s: %s", ordinary ? "nobody" : "root", reap(child));
  }
  return 0;
}
