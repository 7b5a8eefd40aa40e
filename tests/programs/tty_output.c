/* Output processing, byte for byte: OPOST with ONLCR, OCRNL, ONOCR, ONLRET, OLCUC, XTABS, and the columns it counts. */
#include "tty.h"
// needs: pty

static void output(const char *what, tcflag_t oflag, const char *text) {
  struct pty p = new_pty();
  struct termios t;
  must(tcgetattr(p.s, &t));
  t.c_oflag = oflag;
  must(tcsetattr(p.s, TCSANOW, &t));
  put(p.s, text);
  show_all(what, p.m);
  close(p.s);
  close(p.m);
}
#define TRY(oflag, text) output(#oflag " " #text, oflag, text)

int main(void) {
  TRY(0, "a\nb\rc\td");
  TRY(ONLCR, "a\nb\rc\td");
  TRY(OPOST, "a\nb\rc\td");
  TRY(OPOST | ONLCR, "a\nb\n\nc");
  TRY(OPOST | OCRNL, "a\rb\nc");
  TRY(OPOST | OCRNL | ONLCR, "a\rb\nc");
  TRY(OPOST | ONOCR, "\ra\r\rb\n\rc");
  TRY(OPOST | ONOCR | OCRNL, "\ra\rb");
  TRY(OPOST | ONLRET | ONOCR, "ab\n\rc");
  TRY(OPOST | OLCUC, "aB\344z9");
  TRY(OPOST | XTABS, "\ta\tabcdefg\tabcdefgh\tx");
  TRY(OPOST | XTABS, "ab\b\tx");
  TRY(OPOST | XTABS, "\033[1mab\tx");
  TRY(OPOST | XTABS, "\344\303\tx");
  TRY(OPOST | XTABS | ONLCR, "abc\n\tx\ry\tz");
  TRY(OPOST | XTABS, "abc\n\tx\ry\tz");
  TRY(OPOST | XTABS | ONLRET, "abc\n\tx");
  struct pty p = new_pty();
  flags(p.s, 'i', IUTF8, 0);
  flags(p.s, 'o', XTABS, 0);
  put(p.s, "\303\244\303\266\t.");
  show_all("IUTF8: columns of characters", p.m);
  put(p.m, "\303\244\t");
  show_all("and of echoes", p.m);
  put(p.m, "\177\177");
  show_all("erase the tab and the character", p.m);
  put(p.m, "x\342\202\254y\177\177z\n");
  show_all("echo", p.m);
  show_read("the line", p.s, 100);
  put(p.m, "a\244\244\177b\n");
  show_read("a torn character stays", p.s, 100);
  return 0;
}
