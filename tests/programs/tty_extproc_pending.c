/* Lines that were pending when EXTPROC was set are read as bytes, and are none afterwards. */
#include "tty.h"
// needs: pty

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "one\ntwo\n");
  settle();
  flags(p.s, 'l', EXTPROC, 0);
  show_ready("across the lines", p.s, 8);
  say("waiting %d", waiting(p.s));
  flags(p.s, 'l', 0, EXTPROC);
  say("waiting %d", waiting(p.s));
  put(p.m, "three\nfour\n");
  settle();
  say("waiting %d", waiting(p.s));
  show_ready("a line", p.s, 100);
  show_ready("the next", p.s, 100);
  say("waiting %d", waiting(p.s));
  return 0;
}
