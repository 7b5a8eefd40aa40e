/* What the master of a pty has not read yet stays when the output is flushed, by Ctrl-C or by a program. */
#include "tty.h"
// needs: pty
// differs: 3.2 leaves it there ("tty_buffer_flush(to); FIXME"); today's kernels throw it away

int main(void) {
  signal(SIGINT, SIG_IGN);
  struct pty p = own_terminal();
  put(p.s, "one");
  put(p.m, "two\003");
  show_all("after Ctrl-C", p.m);
  put(p.s, "three");
  must(tcflush(p.s, TCOFLUSH));
  show_all("after a flush of the output", p.m);
  return 0;
}
