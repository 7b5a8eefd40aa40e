/* A UTS namespace has its own host name. */
// needs: root
#include "check.h"
#include <sys/utsname.h>

int main(void) {
  struct utsname u;
  must(sethostname("outside", 7));
  long c = must(clone_fork(CLONE_NEWUTS | SIGCHLD));
  if (c == 0) {
    must(uname(&u));
    say("child starts with %s", u.nodename);
    must(sethostname("inside", 6));
    must(uname(&u));
    say("child now has %s", u.nodename);
    _exit(0);
  }
  say("%s", reap((pid_t)c));
  must(uname(&u));
  say("parent has %s", u.nodename);
  show("too long", syscall(SYS_sethostname, u.nodename, 65));
  return 0;
}
