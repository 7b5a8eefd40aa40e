/* CLONE_FS: one current directory and one umask. */
#include "check.h"

static void attempt(const char *name, unsigned long flags) {
  char cwd[100];
  must(chdir("/"));
  umask(022);
  long c = must(clone_fork(flags | SIGCHLD));
  if (c == 0) {
    must(chdir("/usr"));
    umask(077);
    _exit(0);
  }
  say("%s: %s", name, reap((pid_t)c));
  mode_t mask = umask(022);
  say("  cwd %s, umask %03o", getcwd(cwd, sizeof cwd), mask);
}

int main(void) {
  attempt("copied", 0);
  attempt("CLONE_FS", CLONE_FS);
  return 0;
}
