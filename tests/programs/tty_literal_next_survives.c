/* A literal next waits for its key through changes of the mode. */
#include "tty.h"
// needs: pty
// differs: since 3.12 a change of ICANON forgets it

int main(void) {
  signal(SIGINT, SIG_IGN);
  struct pty p = own_terminal();
  put(p.m, "\026");
  settle();
  flags(p.s, 'l', 0, ICANON);
  flags(p.s, 'l', ICANON, 0);
  put(p.m, "\003\n");
  show_all("echo", p.m);
  show_ready("line", p.s, 100);
  return 0;
}
