/* The settings: what a slave and a master begin with, all ways to get and set them, speeds, and what cannot be set. */
#include "tty.h"
// needs: pty

struct kernel_termios { unsigned i, o, c, l; unsigned char line, cc[19]; unsigned ispeed, ospeed; };
struct kernel_termio { unsigned short i, o, c, l; unsigned char line, cc[8]; };
enum { GETS = 0x5401, SETS, SETSW, SETSF, GETA, SETA, SETAW, SETAF };
#define GETS2 0x802c542aUL
#define SETS2 0x402c542bUL
#define SETSW2 0x402c542cUL
#define SETSF2 0x402c542dUL

static void print(const char *what, int fd) {
  struct kernel_termios t;
  memset(&t, 0x55, sizeof t);
  must(syscall(SYS_ioctl, fd, GETS2, &t));
  say("%s: %o %o %o %o line %d speed %u %u", what, t.i, t.o, t.c, t.l, t.line, t.ispeed, t.ospeed);
  say("  %s", quoted((char *)t.cc, 19));
}
static long call(int fd, unsigned long cmd, void *t) { return syscall(SYS_ioctl, fd, cmd, t); }

int main(void) {
  struct pty p = new_pty();
  print("slave", p.s);
  print("through the master", p.m);
  struct kernel_termios t, u;
  memset(&u, 0x55, sizeof u);
  must(call(p.s, GETS, &u));
  say("TCGETS leaves the rest: %x", u.ispeed);
  must(call(p.s, GETS2, &t));
  t.c = 0;
  must(call(p.s, SETS2, &t));
  print("no speed, no size", p.s);
  t.c = B9600 | CS7 | PARENB | PARODD | CSTOPB | HUPCL | CLOCAL;
  must(call(p.s, SETS, &t));
  print("seven bits with parity", p.s);
  t.c = 010000 | CS8;
  t.ispeed = t.ospeed = 12345;
  must(call(p.s, SETSW2, &t));
  print("a speed in numbers", p.s);
  t.c = B115200 | CS8 | B300 << 16;
  must(call(p.s, SETSF2, &t));
  print("two speeds", p.s);
  t.c = B38400 | CS8 | CREAD;
  must(call(p.s, SETSW, &t));
  t.i = t.o = 0xffffffff;
  t.l = 0xfffeffff; /* not EXTPROC */
  t.line = 9;
  must(call(p.s, SETSF, &t));
  print("all bits", p.s);

  struct kernel_termio old;
  memset(&old, 0, sizeof old);
  must(call(p.s, GETA, &old));
  say("termio: %o %o %o %o line %d %s", old.i, old.o, old.c, old.l, old.line, quoted((char *)old.cc, 8));
  old.i = ICRNL;
  old.o = OPOST;
  old.l = ICANON | ISIG;
  old.line = 0;
  memcpy(old.cc, "ABCDEFGH", 8);
  must(call(p.s, SETA, &old));
  print("termio changes half", p.s);
  must(call(p.s, SETAW, &old));
  put(p.m, "input\n");
  settle();
  say("waiting %d", waiting(p.s));
  must(call(p.s, SETAW, &old));
  say("TCSETAW: %d", waiting(p.s));
  must(call(p.s, SETAF, &old));
  say("TCSETAF: %d", waiting(p.s));
  put(p.m, "input\n");
  settle();
  must(call(p.m, GETS, &t));
  must(call(p.m, SETSF, &t));
  say("TCSETSF by the master: %d", waiting(p.s));

  unsigned long commands[] = { GETS, SETS, SETSW, SETSF, GETA, SETA, SETAW, SETAF, GETS2, SETS2, SETSW2, SETSF2 };
  for (int i = 0; i < 12; i++) {
    show("bad address", call(p.s, commands[i], (void *)8));
    int null = open("/dev/null", O_RDWR);
    show("no terminal", call(null, commands[i], &t));
    close(null);
  }
  return 0;
}
