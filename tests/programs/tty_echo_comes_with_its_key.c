/* Each key is echoed when its turn comes, not when all that arrived with it have been looked at. */
#include "tty.h"
// needs: pty
// differs: today's kernels echo once for all that came in one piece, and a stop in it holds all of that back

int main(void) {
  struct pty p = new_pty();
  put(p.m, "ab\023cd");
  show_all("keys with a stop among them", p.m);
  put(p.m, "\021");
  show_all("started again", p.m);
  flags(p.s, 'l', ECHOPRT, ECHOCTL);
  put(p.m, "\177");
  show_all("an erasure in print", p.m);
  put(p.m, "\026");
  show_all("its end, at a literal next", p.m);
  put(p.m, "e");
  show_all("which shows with the next key", p.m);
  return 0;
}
