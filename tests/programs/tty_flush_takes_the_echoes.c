/* Flushing the input takes the echoes, too, that wait for the output to be started. */
#include "tty.h"
// needs: pty
// differs: today's kernels show them later

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', NOFLSH, 0);
  must(tcflow(p.s, TCOOFF));
  put(p.m, "abc");
  settle();
  show_all("stopped", p.m);
  must(tcflush(p.s, TCIFLUSH));
  must(tcflow(p.s, TCOON));
  put(p.m, "d");
  show_all("flushed and started", p.m);
  return 0;
}
