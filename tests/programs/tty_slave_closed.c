/* The last user of the slave is gone: the master reads what is left, then EIO; the slave can be opened again. */
#include "tty.h"
// needs: pty

int main(void) {
  int m = open_master();
  say("never opened: poll %x", ready(m, POLLIN | POLLOUT, 0));
  must(fcntl(m, F_SETFL, O_NONBLOCK));
  show_read("never opened", m, 10);
  put(m, "early\n");
  int s = (int)must(open_slave(m, O_RDWR | O_NOCTTY));
  show_read("written before it was opened", s, 10);
  show_all("and echoed", m);
  int second = dup(s);
  put(s, "left behind");
  close(s);
  say("one is left: poll %x", ready(m, POLLIN | POLLOUT, SILENCE_MS));
  close(second);
  say("none is left: poll %x", ready(m, POLLIN | POLLOUT, SILENCE_MS));
  show_read("what is left", m, 100);
  show_read("then", m, 100);
  say("poll %x", ready(m, POLLIN | POLLOUT, 0));
  show("write", write(m, "to nobody\n", 10));
  s = (int)must(open_slave(m, O_RDWR | O_NOCTTY));
  say("opened again: poll %x", ready(m, POLLIN | POLLOUT, 0) & ~POLLIN);
  show_ready("for whom it was kept", s, 100);
  flags(s, 'l', 0, ECHO);
  close(s);
  s = (int)must(open_slave(m, O_RDWR | O_NOCTTY));
  struct termios t;
  must(tcgetattr(s, &t));
  say("settings are kept: echo %d", !!(t.c_lflag & ECHO));
  must(fcntl(m, F_SETFL, 0));
  pid_t pid;
  CHILD(pid) {
    close(s);
    char c[100];
    while (read(m, c, sizeof c) > 0) continue;
    say("a sleeping master: %s", errname(errno));
    _exit(0);
  }
  wait_asleep(pid);
  close(s);
  say("reader %s", reap(pid));
  show("the second master's file", open("/dev/ptmx", O_RDWR) >= 0);
  return 0;
}
