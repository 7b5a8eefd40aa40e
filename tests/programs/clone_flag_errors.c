/* The combinations of clone() flags that are refused, in the order in which they are looked at. */
// needs: root
#include "check.h"

static void attempt(const char *name, unsigned long flags) {
  long r = clone_fork(flags | SIGCHLD);
  if (r == 0) _exit(0);
  int e = errno;
  if (r > 0) waitpid((pid_t)r, NULL, __WALL);
  errno = e;
  show_ok(name, r);
}

int main(void) {
  attempt("nothing", 0);
  attempt("THREAD", CLONE_THREAD);
  attempt("THREAD|VM", CLONE_THREAD | CLONE_VM);
  attempt("SIGHAND", CLONE_SIGHAND);
  attempt("THREAD|SIGHAND", CLONE_THREAD | CLONE_SIGHAND);
  attempt("NEWNS|FS", CLONE_NEWNS | CLONE_FS);
  attempt("NEWIPC|SYSVSEM", CLONE_NEWIPC | CLONE_SYSVSEM);
  attempt("NEWPID|THREAD|SIGHAND|VM", CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
  attempt("FS|FILES", CLONE_FS | CLONE_FILES);
  attempt("DETACHED, which is ignored", 0x400000);

  pid_t child;
  CHILD(child) {
    must(setuid(fresh_uid()));
    attempt("user: NEWNS", CLONE_NEWNS);
    attempt("user: NEWUTS", CLONE_NEWUTS);
    attempt("user: NEWIPC", CLONE_NEWIPC);
    attempt("user: NEWPID", CLONE_NEWPID);
    attempt("user: NEWPID|THREAD", CLONE_NEWPID | CLONE_THREAD);
    attempt("user: NEWNS|FS", CLONE_NEWNS | CLONE_FS);
    _exit(0);
  }
  say("%s", reap(child));
  return 0;
}
