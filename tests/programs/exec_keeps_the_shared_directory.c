/* CLONE_FS outlives exec: the executed program's chdir() and umask() are ours. */
#include "check.h"

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    must(chdir("/usr"));
    umask(0123);
    return 0;
  }
  must(chdir("/"));
  umask(022);
  long c = must(clone_fork(CLONE_FS | SIGCHLD));
  if (c == 0) {
    execl("/proc/self/exe", "x", "y", NULL);
    _exit(1);
  }
  say("%s", reap((pid_t)c));
  char cwd[100];
  say("cwd %s, umask %o", getcwd(cwd, sizeof cwd), umask(022));
  return 0;
}
