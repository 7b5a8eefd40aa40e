/* CLONE_FILES: one descriptor table. Without it, a copy over the same open files. */
#include "check.h"

static int descriptor_works(int fd) { return fcntl(fd, F_GETFD) != -1; }

static void attempt(const char *name, unsigned long flags) {
  int fd = (int)must(open("/dev/null", O_RDONLY));
  long c = must(clone_fork(flags | SIGCHLD));
  if (c == 0) {
    close(fd);
    must(dup2(1, 77));
    _exit(0);
  }
  say("%s: %s", name, reap((pid_t)c));
  say("  the child's close is seen: %d, its dup2 is seen: %d", !descriptor_works(fd), descriptor_works(77));
  close(fd);
  close(77);
}

int main(void) {
  attempt("copied", 0);
  attempt("CLONE_FILES", CLONE_FILES);
  long c = must(clone_fork(CLONE_FILES | SIGCHLD));
  if (c == 0) {
    must(unshare(CLONE_FILES));
    close(0);
    _exit(0);
  }
  say("unshared: %s", reap((pid_t)c));
  say("  the child's close is seen: %d", !descriptor_works(0));
  return 0;
}
