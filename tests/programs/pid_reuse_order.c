/* PIDs are handed out in rising order; a number that was freed is not used again at once, nor while a group needs it. */
#include "check.h"

int main(void) {
  pid_t a, b, c, leader;
  CHILD(a) _exit(0);
  wait_for(a);
  CHILD(b) _exit(0);
  wait_for(b);
  CHILD(c) _exit(0);
  wait_for(c);
  say("rising: %d, without gaps: %d", a < b && b < c, b == a + 1 && c == b + 1);
  struct gate go = new_gate(), joined = new_gate();
  pid_t member;
  CHILD(leader) {
    setpgid(0, 0);
    CHILD(member) {
      open_gate(&joined);
      pass_gate(&go);
      _exit(0);
    }
    pass_gate(&joined);
    _exit(0);
  }
  wait_for(leader);
  show("leader is gone", kill(leader, 0));
  show("its group is not", kill(-leader, 0));
  open_gate(&go);
  for (int i = 0; i < 1000 && kill(-leader, 0) == 0; i++) sleep_ms(1);
  show("now it is", kill(-leader, 0));
  return 0;
}
