/* wait4() with nothing to tell leaves status and usage alone; waitid() writes zeroes; both may do without pointers. */
#include "check.h"

int main(void) {
  pid_t child;
  struct gate go = new_gate();
  CHILD(child) {
    pass_gate(&go);
    _exit(3);
  }
  int s = 12345;
  struct rusage r;
  memset(&r, 0x55, sizeof r);
  show("nothing yet", wait4(child, &s, WNOHANG, &r));
  say("status %d, usage untouched %d", s, r.ru_maxrss == 0x5555555555555555);
  siginfo_t i;
  memset(&i, 0x55, sizeof i);
  show("waitid", waitid(P_PID, (id_t)child, &i, WEXITED | WNOHANG));
  say("signo %d errno %x code %d pid %d uid %d status %d", i.si_signo, (unsigned)i.si_errno, i.si_code, i.si_pid, i.si_uid, i.si_status);
  show("no child of that number", wait4(30000, &s, 0, &r));
  say("status %d, usage untouched %d", s, r.ru_maxrss == 0x5555555555555555);
  open_gate(&go);
  show("waitid without pointers", waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT));
  say("wait4 without pointers: %d", wait4(child, NULL, 0, NULL) == child);
  memset(&i, 0x55, sizeof i);
  show("waitid of nobody", waitid(P_PID, (id_t)child, &i, WEXITED));
  CHILD(child) _exit(0);
  must(wait4(child, &s, 0, &r));
  say("status %d, usage written %d, unused fields %ld %ld %ld", s, r.ru_maxrss != 0x5555555555555555, r.ru_ixrss, r.ru_nswap, r.ru_nsignals);
  return 0;
}
