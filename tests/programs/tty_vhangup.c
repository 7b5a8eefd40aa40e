/* vhangup(2) and TIOCVHANGUP: the slave's files die, its settings are reset, and it can be opened again. */
#include "tty.h"
// needs: pty
// needs: root

static volatile sig_atomic_t hups, conts;
static void handler(int sig) {
  if (sig == SIGHUP) hups++;
  else conts++;
}

int main(void) {
  struct pty p = own_terminal();
  show("no terminal of one's own is no error", (long)(fork() ? 0 : (setsid(), _exit((int)syscall(SYS_vhangup)), 0)));
  int status;
  must(wait(&status));
  say("%s", wait_str(status));
  on_signal(SIGHUP, handler);
  on_signal(SIGCONT, handler);
  flags(p.s, 'l', 0, ECHO);
  put(p.m, "unread\n");
  settle();
  show("vhangup", syscall(SYS_vhangup));
  say("SIGHUP %d, SIGCONT %d", (int)hups, (int)conts);
  show_read("read", p.s, 10);
  show("write", write(p.s, "x", 1));
  show_ok("/dev/tty", open("/dev/tty", O_RDWR));
  show("write by the master", write(p.m, "new\n", 4));
  int s = (int)must(open_slave(p.m, O_RDWR));
  struct termios t;
  must(tcgetattr(s, &t));
  say("echo %d", !!(t.c_lflag & ECHO));
  say("acquired anew: %d", tcgetpgrp(s) == getpgrp());
  put(p.m, "again\n");
  settle();
  show_all("echo", p.m);
  hups = conts = 0;
  show("TIOCVHANGUP", ioctl(s, TIOCVHANGUP, 0));
  say("SIGHUP %d, SIGCONT %d", (int)hups, (int)conts);
  show_read("read", s, 10);
  pid_t pid;
  CHILD(pid) {
    must(setuid(12345));
    s = open_slave(p.m, O_RDWR | O_NOCTTY);
    show("vhangup without the right", syscall(SYS_vhangup));
    show("TIOCVHANGUP without the right", ioctl(p.m, TIOCVHANGUP, 0));
    _exit(0);
  }
  wait_for(pid);
  return 0;
}
