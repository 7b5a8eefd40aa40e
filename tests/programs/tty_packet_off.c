/* Closing the slave for the last time ends packet mode. */
#include "tty.h"
// needs: pty
// differs: 3.2 turns packet mode off when the slave is closed; later kernels leave it to the master

int main(void) {
  struct pty p = new_pty();
  int on = 1;
  must(ioctl(p.m, TIOCPKT, &on));
  put(p.s, "one");
  show_ready("packet", p.m, 100);
  close(p.s);
  p.s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY));
  put(p.s, "two");
  show_ready("after the slave was closed", p.m, 100);
  return 0;
}
