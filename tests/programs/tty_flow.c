/* Flow control: ^S and ^Q, IXANY, tcflow; writers wait, or are refused with O_NONBLOCK. */
#include "tty.h"
// needs: pty

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "\023");
  settle();
  say("stopped: %swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  must(fcntl(p.s, F_SETFL, O_NONBLOCK));
  show("write", write(p.s, "abc", 3));
  must(fcntl(p.s, F_SETFL, 0));
  pid_t pid;
  CHILD(pid) {
    put(p.s, "waited\n");
    _exit(0);
  }
  show_ready("nothing comes", p.m, 100);
  put(p.m, "\021");
  show_all("after ^Q", p.m);
  say("writer %s", reap(pid));
  put(p.m, "\023");
  put(p.m, "x");
  settle();
  say("another character: %swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  flags(p.s, 'i', IXANY, 0);
  put(p.m, "y");
  settle();
  say("with IXANY: %swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  put(p.m, "\n");
  show_read("both are data", p.s, 100);
  flags(p.s, 'i', 0, IXANY | IXON);
  put(p.m, "\023\n");
  show_read("without IXON ^S is data", p.s, 100);
  flags(p.s, 'i', IXON, 0);

  show("TCOOFF", tcflow(p.s, TCOOFF));
  put(p.m, "\021");
  settle();
  say("^Q does not help: %swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  show("TCOON", tcflow(p.s, TCOON));
  say("%swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  show("TCIOFF", tcflow(p.s, TCIOFF));
  show_all("sends", p.m);
  show("TCION", tcflow(p.s, TCION));
  show_all("sends", p.m);
  control(p.s, VSTOP, 0);
  show("TCIOFF without a character", tcflow(p.s, TCIOFF));
  show_all("sends", p.m);
  show("bad action", ioctl(p.s, TCXONC, 4));

  control(p.s, VSTOP, 023);
  flags(p.s, 'l', ECHO, 0);
  put(p.m, "\023");
  put(p.m, "ab\n");
  show_all("echoes wait as well", p.m);
  put(p.m, "\021");
  show_all("and come", p.m);
  show_read("the line", p.s, 100);
  put(p.m, "\023x\003");
  show_all("an interrupt starts the output", p.m);
  say("%swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  return 0;
}
