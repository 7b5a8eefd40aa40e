/* tcsetpgrp, tcgetpgrp, tcgetsid: every error, and the order of the checks. */
#include "tty.h"
// needs: pty

static long set(int fd, pid_t pgrp) { return ioctl(fd, TIOCSPGRP, &pgrp); }

int main(void) {
  own_session();
  struct pty p = new_pty(), other = new_pty();
  show("get: no terminal at all", tcgetpgrp(p.s));
  show("set: no terminal at all", set(p.s, getpgrp()));
  show("session: no terminal at all", tcgetsid(p.s));
  show("by the master", tcgetpgrp(p.m));
  show("session by the master", tcgetsid(p.m));
  must(ioctl(p.s, TIOCSCTTY, 0));
  say("get: %d", tcgetpgrp(p.s) == getpgrp());
  say("by the master: %d", tcgetpgrp(p.m) == getpgrp());
  say("session: %d, by the master %d", tcgetsid(p.s) == getpid(), tcgetsid(p.m) == getpid());
  show("get: another terminal", tcgetpgrp(other.s));
  show("session: another terminal", tcgetsid(other.s));
  show("get: bad address", ioctl(p.s, TIOCGPGRP, 1));
  show("session: bad address", ioctl(p.s, TIOCGSID, 1));
  show("set: another terminal", set(other.s, getpgrp()));
  show("set: bad address", ioctl(p.s, TIOCSPGRP, 1));
  show("set: negative", set(p.s, -1));
  show("set: 0", set(p.s, 0));
  show("set: no such number", set(p.s, 30000));
  show("set: another session", set(p.s, 1));
  show("set: its own", set(p.s, getpgrp()));
  pid_t pid;
  CHILD(pid) {
    pause();
    _exit(0);
  }
  show("set: a process that leads no group", set(p.s, pid));
  say("foreground is it: %d", tcgetpgrp(p.s) == pid);
  on_signal(SIGTTOU, SIG_IGN);
  show("set: back", set(p.s, getpgrp()));
  must(setpgid(pid, pid));
  show("set: a group now", set(p.s, pid));
  kill(pid, SIGKILL);
  wait_for(pid);
  say("foreground nobody: %d", tcgetpgrp(p.s) == pid);
  show("set: gone", set(p.s, pid));
  show("set by the master", set(p.m, getpgrp()));
  say("foreground: %d", tcgetpgrp(p.s) == getpgrp());
  pid_t stranger;
  CHILD(stranger) {
    must(setsid());
    show("stranger: get", tcgetpgrp(p.s));
    show("stranger: set", set(p.s, getpgrp()));
    say("stranger: by the master %d", tcgetpgrp(p.m) == getppid());
    show("stranger: set by the master", set(p.m, getpgrp()));
    _exit(0);
  }
  wait_for(stranger);
  int null = open("/dev/null", O_RDWR);
  show("no terminal", tcgetpgrp(null));
  show("no terminal", set(null, getpgrp()));
  return 0;
}
