/* An end of file typed behind a part of a line makes the next read that would give nothing go on instead, even if that is due to
 * another end of file, typed before.
 */
#include "tty.h"
// needs: pty
// differs: since 3.12 only the end of file that stands behind the part of a line just read is passed over

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  must(fcntl(p.s, F_SETFL, O_NONBLOCK));
  put(p.m, "line\n\004\004");
  settle();
  show_read("the line", p.s, 20);
  put(p.m, "part\004");
  settle();
  show_read("two ends of file behind it, a part and one more", p.s, 20);
  show_read("then", p.s, 20);
  show_read("then", p.s, 20);
  put(p.m, "part\004");
  settle();
  show_read("exactly the part", p.s, 4);
  show_read("then", p.s, 20);
  put(p.m, "part\004\004");
  settle();
  show_read("exactly the part, two ends of file", p.s, 4);
  show_read("then", p.s, 20);
  show_read("then", p.s, 20);
  return 0;
}
