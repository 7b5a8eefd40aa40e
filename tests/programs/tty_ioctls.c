/* The other requests, on both sides: exclusive use, discipline, break, flushing, counts, locked settings, bad arguments. */
#include "tty.h"
// needs: pty
// needs: root

static struct pty p;
static void both(const char *what, unsigned long cmd, void *arg) {
  char name[80];
  snprintf(name, sizeof name, "%s: slave", what);
  show(name, syscall(SYS_ioctl, p.s, cmd, arg));
  snprintf(name, sizeof name, "%s: master", what);
  show(name, syscall(SYS_ioctl, p.m, cmd, arg));
}

int main(void) {
  p = new_pty();
  int n = 7;
  both("TIOCGETD", TIOCGETD, &n);
  say("discipline %d", n);
  both("TIOCSETD 0", TIOCSETD, &n);
  n = 99;
  both("TIOCSETD 99", TIOCSETD, &n);
  n = -1;
  both("TIOCSETD -1", TIOCSETD, &n);
  both("TIOCSETD, bad address", TIOCSETD, (void *)8);
  both("TIOCGETD, bad address", TIOCGETD, (void *)8);
  both("TIOCSBRK", TIOCSBRK, 0);
  both("TIOCCBRK", TIOCCBRK, 0);
  both("TCSBRK 0", TCSBRK, 0);
  both("TCSBRK 1", TCSBRK, (void *)1);
  both("TCSBRKP", TCSBRKP, 0);
  both("TCFLSH 3", TCFLSH, (void *)3);
  both("TCXONC 9", TCXONC, (void *)9);
  n = 5;
  both("TIOCOUTQ", TIOCOUTQ, &n);
  say("output %d", n);
  both("TIOCOUTQ, bad address", TIOCOUTQ, (void *)8);
  both("FIONREAD, bad address", FIONREAD, (void *)8);
  both("TIOCGSOFTCAR", TIOCGSOFTCAR, &n);
  say("software carrier %d", n);
  n = 1;
  both("TIOCSSOFTCAR", TIOCSSOFTCAR, &n);
  both("TIOCGSOFTCAR", TIOCGSOFTCAR, &n);
  say("software carrier %d", n);
  unsigned dev = 0;
  both("TIOCGDEV", 0x80045432, &dev);
  say("device %x", dev);

  put(p.m, "one\n");
  settle();
  put(p.s, "two\n");
  settle();
  must(tcflush(p.s, TCIFLUSH));
  show_ready("flushed", p.s, 100);
  show_ready("not flushed", p.m, 100);
  put(p.m, "one\n");
  settle();
  must(tcflush(p.m, TCOFLUSH));
  show_ready("has gone out already", p.s, 100);
  put(p.s, "two\n");
  settle();
  must(tcflush(p.m, TCIFLUSH));
  show_ready("the master's input", p.m, 100);

  struct { unsigned f[4]; unsigned char line, cc[19]; } locked;
  memset(&locked, 0x55, sizeof locked);
  both("TIOCGLCKTRMIOS", 0x5456, &locked);
  say("locked %x %x %x %x %d", locked.f[0], locked.f[1], locked.f[2], locked.f[3], locked.cc[3]);
  memset(&locked, 0, sizeof locked);
  locked.f[3] = ECHO;
  locked.cc[VINTR] = 1;
  both("TIOCSLCKTRMIOS", 0x5457, &locked);
  flags(p.s, 'l', 0, ECHO | ISIG);
  control(p.s, VINTR, 'x');
  control(p.s, VQUIT, 'y');
  struct termios t;
  must(tcgetattr(p.s, &t));
  say("echo %d isig %d intr %d quit %d", !!(t.c_lflag & ECHO), !!(t.c_lflag & ISIG), t.c_cc[VINTR], t.c_cc[VQUIT]);

  both("TIOCEXCL", TIOCEXCL, 0);
  show_ok("root may open it", open_slave(p.m, O_RDWR | O_NOCTTY));
  char path[40];
  snprintf(path, sizeof path, "/dev/pts/%d", slave_number(p.m));
  must(chmod(path, 0666));
  pid_t pid;
  CHILD(pid) {
    must(setuid(12345));
    show_ok("others may not", open(path, O_RDWR | O_NOCTTY));
    show("TIOCSLCKTRMIOS", ioctl(p.s, 0x5457, &locked));
    show("TIOCGLCKTRMIOS", ioctl(p.s, 0x5456, &locked));
    show("TIOCNXCL", ioctl(p.s, TIOCNXCL, 0));
    show_ok("now they may", open(path, O_RDWR | O_NOCTTY));
    _exit(0);
  }
  wait_for(pid);
  show("TIOCGPTN of a slave is not known", ioctl(p.s, TIOCGPTN, &n) == -1);
  show("TIOCGPTN, bad address", ioctl(p.m, TIOCGPTN, 8));
  show("TIOCSPTLCK, bad address", ioctl(p.m, TIOCSPTLCK, 8));
  show("seek", lseek(p.s, 0, SEEK_SET));
  show("pread", pread(p.s, path, 1, 0));
  show("pwrite", pwrite(p.m, path, 1, 0));
  show("mmap", (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, p.m, 0) == -1 ? -1 : 0);
  show("truncate", ftruncate(p.s, 0));
  show("fsync", fsync(p.s));
  return 0;
}
