/* What wait4() and waitid() refuse, and what they say when there is nothing to report. */
#include "check.h"

int main(void) {
  siginfo_t info;
  int status = 0x5555;
  show("no children", wait(NULL));
  show("no children, WNOHANG", waitpid(-1, NULL, WNOHANG));
  show("not a child", waitpid(1, NULL, 0));
  show("itself", waitpid(getpid(), NULL, 0));
  show("no such process", waitpid(30000, NULL, 0));
  show("empty pgrp", waitpid(-30000, NULL, 0));
  show("unknown option", waitpid(-1, NULL, 0x10));
  show("wait4 WNOWAIT", waitpid(-1, NULL, WNOWAIT));
  show("waitid no event", syscall(SYS_waitid, P_ALL, 0, &info, 0, NULL));
  show("waitid WNOHANG alone", syscall(SYS_waitid, P_ALL, 0, &info, WNOHANG, NULL));
  show("waitid bad type", syscall(SYS_waitid, 9, 0, &info, WEXITED, NULL));
  show("waitid P_PID 0", syscall(SYS_waitid, P_PID, 0, &info, WEXITED, NULL));
  show("waitid P_PID -1", syscall(SYS_waitid, P_PID, -1, &info, WEXITED, NULL));
  show("waitid unknown option", syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | 0x40, NULL));
  show("waitid no children", syscall(SYS_waitid, P_ALL, 0, &info, WEXITED, NULL));

  struct gate go = new_gate();
  pid_t child;
  CHILD(child) {
    pass_gate(&go);
    _exit(1);
  }
  show("running, WNOHANG", waitpid(child, &status, WNOHANG));
  say("status untouched: %d", status == 0x5555);
  memset(&info, 0x55, sizeof info);
  show("waitid running, WNOHANG", waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG));
  say("info zeroed: signo %d code %d pid %d", info.si_signo, info.si_code, info.si_pid);
  show("own pgrp, WNOHANG", waitpid(0, &status, WNOHANG));
  show("wrong pgrp, WNOHANG", waitpid(-child, &status, WNOHANG));
  show("only clones, WNOHANG", waitpid(-1, &status, WNOHANG | __WCLONE));
  open_gate(&go);
  wait_state(child, "Z");
  show("bad status pointer", syscall(SYS_wait4, child, 8, 0, NULL));
  show("the child was reaped all the same", waitpid(child, NULL, 0));
  return 0;
}
