/* Packet mode: the byte before the data, and the status changes. */
#include "tty.h"
// needs: pty

static struct pty p;
static void status(const char *what) {
  char data[100];
  settle();
  int revents = ready(p.m, POLLIN | POLLPRI, 0);
  if (!(revents & POLLIN)) {
    say("%s: nothing%s", what, revents & POLLPRI ? ", but urgent" : "");
    return;
  }
  ssize_t n = read(p.m, data, sizeof data);
  say("%s:%s \"%s\"", what, revents & POLLPRI ? " urgent" : "", n < 0 ? errname(errno) : quoted(data, n));
}

int main(void) {
  int on = 1, off = 0;
  p = new_pty();
  show("on a slave", ioctl(p.s, TIOCPKT, &on));
  show("bad address", ioctl(p.m, TIOCPKT, 1));
  show("on", ioctl(p.m, TIOCPKT, &on));
  status("nothing yet");
  put(p.s, "data\n");
  status("data");
  put(p.s, "abc");
  settle();
  show_read("one byte", p.m, 1);
  show_read("two bytes", p.m, 2);
  show_read("the rest", p.m, 9);
  must(tcflush(p.s, TCIFLUSH));
  status("TCIFLUSH");
  must(tcflush(p.s, TCOFLUSH));
  status("TCOFLUSH");
  must(tcflush(p.s, TCIOFLUSH));
  status("both");
  must(tcflow(p.s, TCOOFF));
  status("stop");
  must(tcflow(p.s, TCOON));
  status("start");
  must(tcflow(p.s, TCOOFF));
  must(tcflow(p.s, TCOON));
  status("stop and start");
  flags(p.s, 'i', 0, IXON);
  status("no IXON");
  flags(p.s, 'i', IXON, 0);
  status("IXON");
  control(p.s, VSTOP, 'x');
  status("another stop character");
  control(p.s, VINTR, 'x');
  status("another interrupt character");
  control(p.s, VSTOP, 023);
  status("the usual one");
  control(p.s, VINTR, 3);
  put(p.m, "\023");
  status("^S");
  put(p.m, "\021");
  status("^Q");
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "x\003");
  status("interrupt");
  must(tcflush(p.s, TCIFLUSH));
  put(p.s, "both");
  status("status comes first");
  status("then data");
  struct termios t;
  must(tcgetattr(p.s, &t));
  must(tcsetattr(p.s, TCSAFLUSH, &t));
  status("TCSAFLUSH");
  show("off", ioctl(p.m, TIOCPKT, &off));
  put(p.s, "plain");
  status("off");
  must(tcflush(p.s, TCIOFLUSH));
  status("flush");
  must(ioctl(p.m, TIOCPKT, &on));
  must(tcflush(p.s, TCIOFLUSH));
  must(ioctl(p.m, TIOCPKT, &off));
  must(ioctl(p.m, TIOCPKT, &on));
  status("off and on: forgotten");
  return 0;
}
