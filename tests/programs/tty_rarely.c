/* What terminals are rarely asked: a full buffer of marked bytes, torn and long characters erased, flow control sent past a stop. */
// differs: today's kernels keep one place for the end of a line, and refuse other signals than those of keys
#include "tty.h"
// needs: pty

static void full(const char *what, const char *ends) {
  struct pty p = new_pty();
  char text[2000];
  memset(text, '\377', sizeof text);
  flags(p.s, 'i', PARMRK, ISTRIP);
  flags(p.s, 'l', 0, ECHO);
  control(p.s, VEOL, 1);
  put_n(p.m, text, sizeof text);
  settle();
  flags(p.s, 'l', ECHO, 0);
  char last[80];
  memset(last, '\377', 47);
  int n = 47 + sprintf(last + 47, "b\n%s", ends);
  put_n(p.m, last, (size_t)n);
  settle();
  char echo[400];
  ssize_t got = read(p.m, echo, sizeof echo);
  say("%s: the echo ends \"%s\"", what, quoted(echo + got - 8, 8));
  static char line[8192];
  got = read(p.s, line, sizeof line);
  say("%d read: \"%s\"", (int)got, quoted(line + got - 5, 5));
  say("%d more", waiting(p.s));
  close(p.s), close(p.m);
}

static void nearly_raw(void) {
  struct pty p = new_pty();
  raw(p.s, 1, 0);
  flags(p.s, 'i', INPCK | BRKINT, 0);
  put(p.m, "\377\003a\r\n");
  show_all("raw but for parity", p.s);
  char text[2000];
  memset(text, 'x', sizeof text);
  put_n(p.m, text, sizeof text), put_n(p.m, text, sizeof text);
  settle();
  say("%d", waiting(p.s));
  close(p.s), close(p.m);
}

static void erased(void) {
  struct pty p = new_pty();
  flags(p.s, 'i', IUTF8, 0);
  put(p.m, "\244\244\177b\n");
  show_all("half a character at the beginning of a line", p.m);
  show_read("it stays", p.s, 100);
  flags(p.s, 'l', ECHOPRT, 0);
  flags(p.s, 'o', XTABS, 0);
  put(p.m, "x\342\202\254\177\177z\t.\n");
  show_all("printed as they are erased", p.m);
  show_read("the line", p.s, 100);
  close(p.s), close(p.m);
}

static void past_a_stop(void) {
  struct pty p = new_pty();
  put(p.m, "\023");
  settle();
  show("TCIOFF", tcflow(p.s, TCIOFF));
  show_all("sends", p.m);
  say("still %swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  show("TCION", tcflow(p.s, TCION));
  show_all("sends", p.m);
  say("still %swritable", ready(p.s, POLLOUT, 0) ? "" : "not ");
  close(p.s), close(p.m);
}

struct kernel_termios { unsigned i, o, c, l; unsigned char line, cc[19]; unsigned ispeed, ospeed; };
static void locked(void) {
  struct pty p = new_pty();
  struct kernel_termios t, lock = { .line = 1 };
  must(syscall(SYS_ioctl, p.s, 0x5401, &t));
  show("lock the discipline", ioctl(p.s, 0x5457, &lock));
  t.line = 3, t.cc[VINTR] = 7;
  must(syscall(SYS_ioctl, p.s, 0x5402, &t));
  must(syscall(SYS_ioctl, p.s, 0x5401, &t));
  say("line %d, interrupt %d", t.line, t.cc[VINTR]);
  close(p.s), close(p.m);
}

static void asked(void) {
  pid_t pid;
  struct pty p = new_pty();
  show("TIOCCONS of a master", ioctl(p.m, TIOCCONS));
  CHILD(pid) {
    must(setuid(1000));
    show("of nobody's", ioctl(p.s, TIOCCONS));
    show("of a master", ioctl(p.m, TIOCCONS));
    _exit(0);
  }
  wait_for(pid);
  show("TIOCSIG without a foreground", ioctl(p.m, 0x40045436, SIGINT));
  close(p.s), close(p.m);
  CHILD(pid) {
    p = own_terminal();
    CHILD(pid) pause();
    show("TIOCSIG", ioctl(p.m, 0x40045436, 0));
    signal(SIGUSR1, SIG_IGN);
    show("of another signal", ioctl(p.m, 0x40045436, SIGUSR1));
    say("%s", reap(pid));
    _exit(0);
  }
  wait_for(pid);
}

int main(void) {
  full("another line", "\n");
  full("an end of file", "\004");
  full("another end of a line", "\001");
  nearly_raw();
  erased();
  past_a_stop();
  locked();
  asked();
  return 0;
}
