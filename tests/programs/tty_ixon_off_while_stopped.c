/* Output that ^S has stopped stays so when IXON goes: only a start character or TCOON would let it go on, and the first is data now. */
#include "tty.h"
// needs: pty
// differs: since 3.11 turning IXON off lets the output go on

int main(void) {
  struct pty p = new_pty();
  must(fcntl(p.s, F_SETFL, O_NONBLOCK));
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "\023");
  settle();
  show("write while stopped", write(p.s, "one", 3));
  flags(p.s, 'i', 0, IXON);
  show("write without IXON", write(p.s, "two", 3));
  say("ready for more: %d", ready(p.s, POLLOUT, SILENCE_MS) != 0);
  put(p.m, "\021\n");
  settle();
  show("write after ^Q", write(p.s, "three", 5));
  show_read("^Q is data", p.s, 10);
  must(tcflow(p.s, TCOON));
  show("write after TCOON alone", write(p.s, "four", 4));
  must(tcflow(p.s, TCOOFF));
  must(tcflow(p.s, TCOON));
  show("write after TCOOFF and TCOON", write(p.s, "five", 4));
  show_all("the master reads", p.m);
  return 0;
}
