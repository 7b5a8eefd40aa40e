/* Input that waits for room when a terminal is hung up stays waiting until more comes: nobody hands it over. */
#include "tty.h"
// needs: root
// needs: pty

int main(void) {
  static char data[5000];
  struct pty p = new_pty();
  raw(p.s, 1, 0);
  memset(data, 'x', sizeof data);
  show("typed", write(p.m, data, sizeof data));
  settle();
  say("waiting %d", waiting(p.s));
  must(ioctl(p.s, TIOCVHANGUP, 0));
  settle();
  int s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_NONBLOCK));
  say("waiting %d", waiting(s));
  raw(s, 1, 0);
  say("waiting %d", waiting(s));
  put(p.m, "y");
  settle();
  say("waiting %d", waiting(s));
  ssize_t n = read(s, data, sizeof data);
  say("%zd, at last %s", n, quoted(data + n - 2, 2));
  return 0;
}
