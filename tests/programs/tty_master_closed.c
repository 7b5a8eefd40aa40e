/* The master is closed: the session is hung up, and its files are dead. */
#include "tty.h"
// needs: pty

static volatile sig_atomic_t hups, conts, code;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  if (sig == SIGHUP) hups++;
  else conts++;
  code = info->si_code;
}

int main(void) {
  struct pty p = own_terminal();
  int ctty = (int)must(open("/dev/tty", O_RDWR));
  char path[40];
  snprintf(path, sizeof path, "/dev/pts/%d", slave_number(p.m));
  on_siginfo(SIGHUP, handler, SA_RESTART);
  on_siginfo(SIGCONT, handler, SA_RESTART);
  pid_t reader;
  CHILD(reader) {
    close(p.m);
    on_signal(SIGHUP, SIG_IGN);
    char c;
    ssize_t n = read(p.s, &c, 1);
    say("the sleeping reader: %s", n < 0 ? errname(errno) : n ? "data" : "end");
    _exit(0);
  }
  wait_asleep(reader);
  put(p.m, "unread\n");
  put(p.m, "more");
  settle();
  pid_t other;
  struct gate g = new_gate();
  CHILD(other) {
    close(p.m);
    on_signal(SIGHUP, SIG_DFL);
    open_gate(&g);
    for (;;) pause();
  }
  pass_gate(&g);
  say("the reader %s", reap(reader));
  close(p.m);
  settle();
  say("leader: %d SIGHUP, %d SIGCONT, code %d", (int)hups, (int)conts, (int)code);
  say("the other one is %s", state_of(other) == 'S' ? "alive" : "dead");
  kill(other, SIGKILL);
  wait_for(other);
  show_read("read", p.s, 10);
  show("write", write(p.s, "x", 1));
  say("poll %x", ready(p.s, POLLIN | POLLOUT | POLLPRI, 0));
  struct termios t;
  show("tcgetattr", tcgetattr(p.s, &t));
  pid_t me = getpgrp();
  show("TIOCSPGRP", ioctl(p.s, TIOCSPGRP, &me));
  show("TIOCGPGRP", ioctl(p.s, TIOCGPGRP, &me));
  show_read("read /dev/tty of before", ctty, 10);
  show("/dev/tty", open("/dev/tty", O_RDWR));
  show("its name", open(path, O_RDWR | O_NOCTTY));
  show("seek", lseek(p.s, 0, SEEK_CUR));
  show("close", close(p.s));
  return 0;
}
