/* setuid() and setgid() take every number; that -1 keeps an id is a rule of setreuid() and its like. */
#include "check.h"
// needs: root
// differs: since 3.5 the number -1 is EINVAL

static void ids(const char *what) {
  uid_t r, e, s;
  gid_t gr, ge, gs;
  must(getresuid(&r, &e, &s));
  must(getresgid(&gr, &ge, &gs));
  say(" %s: uid %d %d %d, gid %d %d %d", what, (int)r, (int)e, (int)s, (int)gr, (int)ge, (int)gs);
}

int main(void) {
  pid_t child;
  CHILD(child) {
    must(setgid(1000));
    must(setuid(1000));
    show("as a user: setuid(-1)", syscall(SYS_setuid, -1));
    show("as a user: setgid(-1)", syscall(SYS_setgid, -1));
    _exit(0);
  }
  reap(child);
  show("setresuid(-1, -1, -1)", syscall(SYS_setresuid, -1, -1, -1));
  show("setregid(-1, -1)", syscall(SYS_setregid, -1, -1));
  ids("kept");
  show("setgid(-1)", syscall(SYS_setgid, -1));
  show("setuid(-1)", syscall(SYS_setuid, -1));
  ids("set");
  show("and back", syscall(SYS_setuid, 0));
  return 0;
}
