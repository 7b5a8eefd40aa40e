/* An end of file in an empty line is passed over if another one, behind some text, was typed before it is read. */
#include "tty.h"
// needs: pty
// differs: 3.2 remembers with one flag that some text was pushed; today's kernels look at the line

int main(void) {
  struct pty p = new_pty();
  fcntl(p.s, F_SETFL, O_NONBLOCK);
  put(p.m, "\004");
  settle();
  show_read("an empty line's", p.s, 100);
  put(p.m, "\004text\004");
  settle();
  show_read("before a text's", p.s, 100);
  show_read("then", p.s, 100);
  put(p.m, "text\004");
  settle();
  show_read("as much as there is", p.s, 4);
  show_read("then", p.s, 100);
  show_read("then", p.s, 100);
  return 0;
}
