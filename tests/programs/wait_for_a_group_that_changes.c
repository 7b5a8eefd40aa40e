/* wait for a group: a child that leaves it is not waited for any more; one that joins is; an empty group is ECHILD. */
#include "check.h"

int main(void) {
  own_session();
  struct gate a = new_gate(), b = new_gate(), moved = new_gate();
  pid_t leader, member;
  CHILD(leader) {
    setpgid(0, 0);
    open_gate(&moved);
    pass_gate(&a);
    _exit(1);
  }
  pass_gate(&moved);
  CHILD(member) {
    setpgid(0, leader);
    open_gate(&moved);
    pass_gate(&b);
    setpgid(0, 0);
    open_gate(&moved);
    pass_gate(&b);
    _exit(2);
  }
  pass_gate(&moved);
  int s;
  show("own group: none", waitpid(0, &s, WNOHANG));
  show("the group: not yet", waitpid(-leader, &s, WNOHANG));
  open_gate(&b);
  pass_gate(&moved);
  open_gate(&a);
  say("the leader: %d", waitpid(-leader, &s, 0) == leader);
  show("the group is empty", waitpid(-leader, &s, WNOHANG));
  show("as waitid", waitid(P_PGID, (id_t)leader, NULL, WEXITED | WNOHANG));
  show("no such group ever", waitpid(-30000, &s, 0));
  show("smallest number", waitpid(INT_MIN + 1, &s, WNOHANG));
  open_gate(&b);
  must(waitpid(-member, &s, 0));
  say("the other in its own: %s", wait_str(s));
  show("P_PID 0", waitid(P_PID, 0, NULL, WEXITED));
  show("bad kind", waitid((idtype_t)9, 1, NULL, WEXITED));
  show("nothing asked for", waitid(P_ALL, 0, NULL, WNOHANG));
  show("unknown option", waitid(P_ALL, 0, NULL, WEXITED | 0x40));
  show("wait4, WNOWAIT", syscall(SYS_wait4, -1, &s, WNOWAIT, NULL));
  show("wait4, WEXITED", syscall(SYS_wait4, -1, &s, WEXITED, NULL));
  return 0;
}
