/* Changing between lines and bytes while input is pending. */
#include "tty.h"
// needs: pty
// differs: 3.2 lets input that came as bytes wait for the end of its line; later kernels make it a line at once

int main(void) {
  struct pty p = new_pty();
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "line\npart");
  settle();
  flags(p.s, 'l', 0, ICANON);
  show_ready("lines become bytes", p.s, 3);
  say("waiting %d", waiting(p.s));
  flags(p.s, 'l', ICANON, 0);
  say("waiting as lines %d", waiting(p.s));
  show_ready("bytes are no line yet", p.s, 100);
  put(p.m, " x\177y\n");
  show_ready("now they are", p.s, 100);
  show_ready("all of them", p.s, 100);
  put(p.m, "eof\004");
  settle();
  flags(p.s, 'l', 0, ICANON);
  show_ready("an end of file becomes NUL", p.s, 100);
  put(p.m, "abc");
  settle();
  flags(p.s, 'l', ICANON, 0);
  put(p.m, "\177\177\177\177d\n");
  show_ready("erasing reaches what came as bytes", p.s, 100);
  put(p.m, "kept");
  settle();
  struct termios t;
  must(tcgetattr(p.s, &t));
  t.c_lflag &= ~(tcflag_t)ICANON;
  must(tcsetattr(p.s, TCSAFLUSH, &t));
  show_ready("TCSAFLUSH", p.s, 100);
  pid_t pid;
  flags(p.s, 'l', ICANON, 0);
  CHILD(pid) {
    show_read("a sleeping reader of lines", p.s, 100);
    _exit(0);
  }
  wait_asleep(pid);
  put(p.m, "raw");
  settle();
  flags(p.s, 'l', 0, ICANON);
  say("%s", reap(pid));
  return 0;
}
