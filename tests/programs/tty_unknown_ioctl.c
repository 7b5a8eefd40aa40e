/* Requests that a terminal does not know. */
#include "tty.h"
// needs: pty
// differs: 3.2's terminals answer EINVAL to what they do not know; since 3.5 it is ENOTTY

int main(void) {
  struct pty p = new_pty();
  int n = 0;
  show("nonsense: slave", ioctl(p.s, 0x12345678, &n));
  show("nonsense: master", ioctl(p.m, 0x12345678, &n));
  show("TIOCGPTN: slave", ioctl(p.s, TIOCGPTN, &n));
  show("TIOCSPTLCK: slave", ioctl(p.s, TIOCSPTLCK, &n));
  show("TIOCMGET", ioctl(p.s, TIOCMGET, &n));
  show("TIOCMSET", ioctl(p.s, TIOCMSET, &n));
  show("TIOCGSERIAL", ioctl(p.s, TIOCGSERIAL, &n));
  show("TIOCLINUX", ioctl(p.s, TIOCLINUX, &n));
  return 0;
}
