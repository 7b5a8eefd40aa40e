/* A hangup opens the line discipline anew before it puts the settings back: whether there are lines, and which characters
 * are more than data, is as before until settings are made, while echo, erasing and special characters are the new ones.
 */
#include "tty.h"
// needs: root
// needs: pty
// differs: since 4.6 a terminal that was hung up takes nothing until it is opened again, and then has one set of settings

/* What the terminal was set to before the hangup. */
static void change(struct pty p, int kind) {
  struct termios t;
  if (kind == 0) flags(p.s, 'l', 0, ICANON | ECHO);
  if (kind == 1) flags(p.s, 'l', 0, ICANON | ECHO | ISIG), flags(p.s, 'i', 0, ICRNL | IXON);
  if (kind == 2) flags(p.s, 'l', ICANON, ECHO | ISIG);
  if (kind != 3) return;
  must(tcgetattr(p.s, &t));
  t.c_cc[VERASE] = 'x';
  t.c_cc[VKILL] = 'y';
  t.c_cc[VEOF] = 'z';
  must(tcsetattr(p.s, TCSANOW, &t));
}

static void type(struct pty p, int s, const char *what, const char *keys) {
  put(p.m, keys);
  settle();
  show_ready(what, p.m, 40);
  say("waiting %d", waiting(s));
  for (int i = 0; i < 3; i++) show_read("the new file", s, 40);
}

int main(void) {
  struct pty p = new_pty();
  for (int kind = 0; kind < 4; kind++) {
    change(p, kind);
    put(p.m, "before");
    settle();
    must(ioctl(p.s, TIOCVHANGUP, 0));
    show_ready("the master", p.m, 20);
    int s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_NONBLOCK));
    type(p, s, "an echo", "abc\177d\010exy\003f\025\r");
    type(p, s, "an echo", "12z\n\004");
    struct termios t;
    must(tcgetattr(s, &t));
    must(tcsetattr(s, TCSANOW, &t));
    type(p, s, "set again", "q\026w\n\004x");
    close(p.s);
    p.s = s;
  }
  return 0;
}
