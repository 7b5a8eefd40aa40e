/* EXTPROC: another program edits the lines; characters pass as they are, and a lone end of file is an end. */
#include "tty.h"
// needs: pty
#ifndef EXTPROC
#define EXTPROC 0200000
#endif

int main(void) {
  struct pty p = new_pty();
  int on = 1;
  must(ioctl(p.m, TIOCPKT, &on));
  flags(p.s, 'l', EXTPROC, ECHO);
  settle();
  char c;
  must(read(p.m, &c, 1));
  say("status %x", c);
  put(p.m, "ab\177\003\n");
  settle();
  show_read("bytes", p.s, 100);
  put(p.m, "\004");
  settle();
  show_read("an end of file alone", p.s, 100);
  put(p.m, "x\004");
  settle();
  show_read("and with others", p.s, 100);
  flags(p.s, 'l', 0, EXTPROC);
  settle();
  must(read(p.m, &c, 1));
  say("status %x", c);
  put(p.m, "ab\177c\n");
  show_read("edited again", p.s, 100);
  return 0;
}
