/* waitid(P_PGID, 0) is refused. */
// differs: since 5.4 it means the caller's own group; in 3.2 the number must be positive (sys_waitid)
#include "check.h"

int main(void) {
  pid_t child;
  CHILD(child) _exit(0);
  show("P_PGID 0", syscall(SYS_waitid, P_PGID, 0, NULL, WEXITED, NULL));
  say("%s", reap(child));
  return 0;
}
