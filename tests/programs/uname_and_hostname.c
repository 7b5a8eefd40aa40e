/* uname(): Linux 3.2 on x86-64; host and domain names. */
#include "check.h"
// a real 3.2.4: its own number, 3.2.4
#include <sys/utsname.h>

int main(void) {
  struct utsname u;
  must(uname(&u));
  say("%s %s %s", u.sysname, u.release, u.machine);
  say("node name and version are there: %d %d", u.nodename[0] != 0, u.version[0] != 0);
  return 0;
}
