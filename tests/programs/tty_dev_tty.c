/* /dev/tty is the controlling terminal, whichever that is. */
#include "tty.h"
// needs: pty

int main(void) {
  own_session();
  show("no terminal", open("/dev/tty", O_RDWR));
  struct pty a = new_pty(), b = new_pty();
  must(ioctl(b.s, TIOCSCTTY, 0));
  int t = (int)must(open("/dev/tty", O_RDWR));
  put(t, "hello\n");
  show_all("out of the other end", b.m);
  put(b.m, "input\n");
  show_read("in", t, 100);
  say("foreground %d", tcgetpgrp(t) == getpgrp());
  struct stat st;
  must(fstat(t, &st));
  say("device %x", (unsigned)st.st_rdev);
  show("TIOCNOTTY", ioctl(t, TIOCNOTTY, 0));
  show("gone", open("/dev/tty", O_RDWR));
  put(t, "still open\n");
  show_all("output", b.m);
  int s = (int)must(open_slave(a.m, O_RDWR));
  put((int)must(open("/dev/tty", O_RDWR)), "another\n");
  show_all("the other terminal", a.m);
  close(b.s);
  close(s);
  say("kept by the descriptor: %x", ready(b.m, POLLIN, SILENCE_MS) & POLLHUP);
  close(t);
  say("not any more: %x", ready(b.m, POLLIN, SILENCE_MS) & POLLHUP);
  return 0;
}
