/* The keys for signals do not start stopped output as any other does with IXANY, even where they send no signals. */
#include "tty.h"
// needs: pty
// differs: for today's kernels they are keys like others then, and so is the byte 0 where the start key is disabled

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'i', IXANY, 0);
  flags(p.s, 'l', NOFLSH, ISIG);
  put(p.m, "a\023");
  settle();
  put(p.m, "\003");
  show_all("Ctrl-C", p.m);
  put(p.m, "b");
  show_all("b", p.m);
  control(p.s, VSTART, 0);
  put(p.m, "\023");
  settle();
  put_n(p.m, "\0", 1);
  show_all("the byte 0", p.m);
  put(p.m, "c");
  show_all("c", p.m);
  return 0;
}
