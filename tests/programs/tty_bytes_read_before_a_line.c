/* Bytes that are read after a hangup, while there are no lines yet, count as a line's beginning for an end of file. */
#include "tty.h"
// needs: root
// needs: pty
// differs: since 4.6 a terminal that is opened again has lines at once, so that the byte is a part of one

int main(void) {
  struct pty p = new_pty();
  raw(p.s, 1, 0);
  must(ioctl(p.s, TIOCVHANGUP, 0));
  int s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_NONBLOCK));
  put(p.m, "a");
  settle();
  show_read("a byte", s, 10);
  flags(s, 'l', 0, 0);
  put(p.m, "\004");
  settle();
  say("waiting %d", waiting(s));
  show_read("an end of file", s, 10);
  put(p.m, "\004");
  settle();
  show_read("another", s, 10);
  return 0;
}
