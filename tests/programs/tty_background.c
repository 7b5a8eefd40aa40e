/* In the background: reading, writing and changing the terminal, with the signals at their default. */
#include "tty.h"
// needs: pty

static void reads(struct pty p) {
  char c[10];
  ssize_t n = read(p.s, c, 10);
  say("  reader: %s", n < 0 ? errname(errno) : quoted(c, n));
}
static void writes(struct pty p) {
  show("  writer", write(p.s, "x\n", 2));
}
static void sets(struct pty p) {
  struct termios t;
  must(tcgetattr(p.s, &t));
  show("  tcsetattr", tcsetattr(p.s, TCSANOW, &t));
}
static void foreground(struct pty p) { show("  tcsetpgrp", tcsetpgrp(p.s, getpgrp())); }
static void flushes(struct pty p) { show("  tcflush", tcflush(p.s, TCIFLUSH)); }
static void flows(struct pty p) { show("  tcflow", tcflow(p.s, TCOON)); }
static void drains(struct pty p) { show("  tcdrain", tcdrain(p.s)); }
static void breaks(struct pty p) { show("  tcsendbreak", tcsendbreak(p.s, 0)); }
static void asks(struct pty p) {
  struct winsize w;
  int n;
  show("  tcgetattr", tcgetattr(p.s, &(struct termios){ 0 }));
  show("  TIOCGWINSZ", ioctl(p.s, TIOCGWINSZ, &w));
  show("  TIOCSWINSZ", ioctl(p.s, TIOCSWINSZ, &w));
  show("  FIONREAD", ioctl(p.s, FIONREAD, &n));
  show("  poll", ready(p.s, POLLOUT, 0));
}

int main(void) {
  struct pty p = own_terminal();
  on_signal(SIGTTOU, SIG_IGN);
  flags(p.s, 'l', 0, ECHO);
  pid_t inner;
  CHILD(inner) {
    /* An inner shell with the signals at their default, whose jobs are not orphans. */
    signal(SIGTTOU, SIG_DFL);
    must(setpgid(0, 0));
    signal(SIGTTOU, SIG_IGN);
    must(tcsetpgrp(p.s, getpgrp()));
    void (*body[])(struct pty) = { reads, writes, sets, foreground, flushes, flows, drains, breaks, asks };
    const char *name[] = { "read", "write", "tcsetattr", "tcsetpgrp", "tcflush", "tcflow", "tcdrain", "tcsendbreak", "asking" };
    for (int i = 0; i < 9; i++) {
      struct gate g = new_gate();
      pid_t pid;
      CHILD(pid) {
        signal(SIGTTOU, SIG_DFL);
        pass_gate(&g);
        body[i](p);
        _exit(0);
      }
      must(setpgid(pid, pid));
      open_gate(&g);
      int status;
      must(waitpid(pid, &status, WUNTRACED));
      say("%s: %s", name[i], wait_str(status));
      if (!WIFSTOPPED(status)) continue;
      must(tcsetpgrp(p.s, pid));
      if (i == 0) put(p.m, "input\n");
      must(kill(-pid, SIGCONT));
      say("  in the foreground: %s", reap(pid));
      must(tcsetpgrp(p.s, getpgrp()));
    }
    flags(p.s, 'l', TOSTOP, 0);
    signal(SIGTTOU, SIG_DFL);
    pid_t pid;
    struct gate g = new_gate();
    CHILD(pid) {
      pass_gate(&g);
      writes(p);
      _exit(0);
    }
    must(setpgid(pid, pid));
    open_gate(&g);
    signal(SIGTTOU, SIG_IGN);
    int status;
    must(waitpid(pid, &status, WUNTRACED));
    say("write with TOSTOP: %s", wait_str(status));
    kill(-pid, SIGCONT);
    must(waitpid(pid, &status, WUNTRACED));
    say("continued in the background: %s", wait_str(status));
    must(tcsetpgrp(p.s, pid));
    kill(-pid, SIGCONT);
    say("in the foreground: %s", reap(pid));
    _exit(0);
  }
  say("shell %s", reap(inner));
  show_all("output", p.m);
  return 0;
}
