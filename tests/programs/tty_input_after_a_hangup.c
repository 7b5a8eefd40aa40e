/* After a hangup a terminal goes on taking input, with the settings of a new one, and who opens it then reads it. */
#include "tty.h"
// needs: root
// needs: pty
// differs: since 4.6 a terminal that was hung up takes nothing until it is opened again

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ICANON | ECHO);
  put(p.m, "before");
  settle();
  must(ioctl(p.s, TIOCVHANGUP, 0));
  show_read("the old file", p.s, 20);
  put(p.m, "after\n");
  settle();
  show_ready("the master, an echo", p.m, 20);
  int s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_NONBLOCK));
  show_read("the new file", s, 20);
  put(p.m, "later\n");
  settle();
  show_read("the new file", s, 20);
  show_read("the old file", p.s, 20);
  return 0;
}
