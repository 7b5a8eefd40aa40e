/* The window size: kept by the pair, SIGWINCH to the foreground when it changes. */
#include "tty.h"
// needs: pty

static volatile sig_atomic_t count, code;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig;
  (void)context;
  count++;
  code = info->si_code;
}
static void size(const char *what, int fd) {
  struct winsize w;
  must(ioctl(fd, TIOCGWINSZ, &w));
  say("%s: %d rows %d columns %d x %d, %d signals", what, w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel, (int)count);
}
static void set(int fd, int rows, int columns) {
  struct winsize w = { (unsigned short)rows, (unsigned short)columns, 7, 9 };
  must(ioctl(fd, TIOCSWINSZ, &w));
  settle();
}

int main(void) {
  struct pty p = own_terminal();
  on_siginfo(SIGWINCH, handler, SA_RESTART);
  size("at first", p.s);
  set(p.m, 24, 80);
  size("set by the master", p.s);
  say("code %d", (int)code);
  set(p.m, 24, 80);
  size("the same again", p.m);
  set(p.s, 30, 100);
  size("set by the slave", p.m);
  on_signal(SIGTTOU, SIG_IGN);
  pid_t pid;
  struct gate g = new_gate();
  CHILD(pid) {
    count = 0;
    open_gate(&g);
    while (!count) sleep_ms(5);
    say("the foreground job has heard %d times", (int)count);
    _exit(0);
  }
  setpgid(pid, pid);
  pass_gate(&g);
  must(tcsetpgrp(p.s, pid));
  set(p.m, 1, 2);
  say("job %s", reap(pid));
  size("the background has not", p.s);
  show("bad address", ioctl(p.s, TIOCGWINSZ, 1));
  show("bad address", ioctl(p.m, TIOCSWINSZ, 1));
  return 0;
}
