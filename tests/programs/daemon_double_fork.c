/* A daemon: fork, setsid, fork: child of init, in a session without terminal that it does not lead; nobody's zombie. */
#include "check.h"

int main(void) {
  struct { volatile pid_t pid, ppid, sid, pgrp; } *d = shared_memory(4096);
  struct gate go = new_gate(), told = new_gate();
  pid_t child;
  CHILD(child) {
    must(setsid());
    pid_t daemon;
    CHILD(daemon) {
      on_signal(SIGHUP, SIG_DFL);
      pass_gate(&go);
      d->ppid = getppid();
      d->sid = getsid(0);
      d->pgrp = getpgrp();
      d->pid = getpid();
      int tty = open("/dev/tty", O_RDWR);
      show("its terminal", tty);
      open_gate(&told);
      _exit(0);
    }
    _exit(0);
  }
  wait_for(child);
  open_gate(&go);
  pass_gate(&told);
  say("parent is init %d, session is the first child's %d, so is the group %d", d->ppid == 1, d->sid == child, d->pgrp == child);
  show("no child of ours", waitpid(d->pid, NULL, 0));
  for (int i = 0; i < 1000 && kill(d->pid, 0) == 0; i++) sleep_ms(1);
  show("reaped by init", kill(d->pid, 0));
  return 0;
}
