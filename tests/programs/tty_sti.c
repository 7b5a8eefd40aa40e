/* TIOCSTI: input that nobody has typed. */
#include "tty.h"
// needs: pty
// needs: root
// needs: tiocsti

static void type(int fd, const char *text) {
  for (; *text; text++) must(ioctl(fd, TIOCSTI, text));
}

int main(void) {
  struct pty p = own_terminal();
  type(p.s, "abd\177c\n");
  show_read("line", p.s, 100);
  show_all("its echo", p.m);
  type(p.m, "to the master");
  show_all("into the master's input", p.m);
  show("bad address", ioctl(p.s, TIOCSTI, 8));
  pid_t pid;
  CHILD(pid) {
    must(setuid(12345));
    show("one's own terminal", ioctl(p.s, TIOCSTI, "x"));
    struct pty other = new_pty();
    show("another", ioctl(other.s, TIOCSTI, "x"));
    must(setsid());
    show("no longer one's own", ioctl(p.s, TIOCSTI, "x"));
    _exit(0);
  }
  wait_for(pid);
  return 0;
}
