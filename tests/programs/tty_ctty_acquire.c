/* Acquiring a controlling terminal: by opening it, by TIOCSCTTY, and when neither works. */
#include "tty.h"
// needs: pty
// needs: root

static int have(void) {
  int fd = open("/dev/tty", O_RDWR);
  if (fd >= 0) close(fd);
  return fd >= 0;
}
static void in_child(const char *what, void (*body)(struct pty), struct pty p) {
  pid_t pid;
  CHILD(pid) {
    body(p);
    _exit(0);
  }
  say("%s: %s", what, reap(pid));
}
static void opens(struct pty p) {
  int s = open_slave(p.m, O_RDWR);
  say("  no leader opens: terminal %d", have());
  close(s);
  must(setsid());
  show_ok("  /dev/tty", open("/dev/tty", O_RDWR));
  s = open_slave(p.m, O_RDWR | O_NOCTTY);
  say("  O_NOCTTY: terminal %d", have());
  close(s);
  int m = open("/dev/ptmx", O_RDWR);
  say("  a master: terminal %d", have());
  s = open_slave(p.m, O_RDWR);
  say("  opens: terminal %d, foreground %d, session %d", have(), tcgetpgrp(s) == getpid(), tcgetsid(s) == getpid());
  struct pty other = new_pty();
  int o = open_slave(other.m, O_RDWR);
  show_ok("  a second one", tcgetpgrp(o));
  show("  TIOCSCTTY again", ioctl(s, TIOCSCTTY, 0));
  show("  TIOCSCTTY of another", ioctl(o, TIOCSCTTY, 0));
  close(m);
}
static void thief(struct pty p) {
  must(setsid());
  int s = open_slave(p.m, O_RDWR);
  say("  another session's: terminal %d", have());
  show("  TIOCSCTTY", ioctl(s, TIOCSCTTY, 0));
  show("  TIOCSCTTY 2", ioctl(s, TIOCSCTTY, 2));
  pid_t pid;
  CHILD(pid) {
    show("  TIOCSCTTY 1 by no leader", ioctl(s, TIOCSCTTY, 1));
    must(setsid());
    must(setuid(12345));
    show("  TIOCSCTTY 1 without the right", ioctl(s, TIOCSCTTY, 1));
    _exit(0);
  }
  wait_for(pid);
  show("  TIOCSCTTY 1", ioctl(s, TIOCSCTTY, 1));
  say("  terminal %d, session %d", have(), tcgetsid(s) == getpid());
}
static void robbed(struct pty p) {
  must(setsid());
  must(ioctl(p.s, TIOCSCTTY, 0));
  say("  terminal %d", have());
  in_child("  thief", thief, p);
  say("  robbed: terminal %d", have());
  errno = 0;
  show_ok("  foreground", tcgetpgrp(p.s));
}
static void by_child(struct pty p) {
  must(setsid());
  must(ioctl(p.s, TIOCSCTTY, 0));
  pid_t pid;
  CHILD(pid) {
    say("  inherited: terminal %d", have());
    show("  TIOCSCTTY by no leader", ioctl(p.s, TIOCSCTTY, 0));
    must(setsid());
    say("  setsid drops it: terminal %d", have());
    show("  taken by the parent", ioctl(p.s, TIOCSCTTY, 0));
    _exit(0);
  }
  wait_for(pid);
  say("  parent: terminal %d", have());
}

int main(void) {
  own_session();
  struct pty p = new_pty();
  in_child("opening", opens, p);
  in_child("stealing", robbed, p);
  p = new_pty();
  in_child("inheriting", by_child, p);
  return 0;
}
