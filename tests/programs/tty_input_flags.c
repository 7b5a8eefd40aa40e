/* What the input flags do to characters: ICRNL, INLCR, IGNCR, ISTRIP, IUCLC, PARMRK. */
#include "tty.h"
// needs: pty

static void round_trip(const char *what, tcflag_t iflag, const char *data, size_t n) {
  struct pty p = new_pty();
  struct termios t;
  must(tcgetattr(p.s, &t));
  t.c_iflag = iflag;
  t.c_lflag = IEXTEN;
  t.c_cc[VMIN] = 1;
  must(tcsetattr(p.s, TCSANOW, &t));
  put_n(p.m, data, n);
  show_all(what, p.s);
  close(p.s);
  close(p.m);
}
#define TRY(iflag, text) round_trip(#iflag, iflag, text, sizeof text - 1)

int main(void) {
  TRY(0, "a\rb\nc");
  TRY(ICRNL, "a\rb\nc");
  TRY(INLCR, "a\rb\nc");
  TRY(IGNCR, "a\rb\nc");
  TRY(IGNCR | ICRNL, "a\rb\nc");
  TRY(ICRNL | INLCR, "a\rb\nc");
  TRY(ISTRIP, "\301\342z");
  TRY(IUCLC, "ABCxyz\304");
  TRY(PARMRK, "a\377b\0c");
  TRY(PARMRK | ISTRIP, "a\377b");
  TRY(0, "\0\377");
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  flags(p.s, 'i', PARMRK, 0);
  put(p.m, "x\377y\n");
  show_read("PARMRK in a line", p.s, 100);
  control(p.s, VEOL, 0xff);
  put(p.m, "x\377");
  show_read("PARMRK and the line's end", p.s, 100);
  flags(p.s, 'i', IGNCR, PARMRK);
  put(p.m, "a\rb\n");
  show_read("IGNCR in a line", p.s, 100);
  flags(p.s, 'i', INLCR, IGNCR | ICRNL);
  put(p.m, "a\nb\r\004");
  show_read("INLCR in a line", p.s, 100);
  return 0;
}
