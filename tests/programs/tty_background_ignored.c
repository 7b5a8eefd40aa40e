/* In the background with SIGTTIN and SIGTTOU ignored, blocked or handled, and as an orphan. */
#include "tty.h"
// needs: pty

static struct pty p;
static volatile sig_atomic_t seen;
static void handler(int sig) { seen = sig; }

static void all(const char *what) {
  char c[10];
  struct termios t;
  say("%s", what);
  show("  read", read(p.s, c, sizeof c));
  show("  write", write(p.s, "x", 1));
  must(tcgetattr(p.s, &t));
  show("  tcsetattr", tcsetattr(p.s, TCSANOW, &t));
  show("  tcsetpgrp", tcsetpgrp(p.s, getpgrp()));
  show("  tcflush", tcflush(p.s, TCIOFLUSH));
}
static void in_background(const char *what, int kind) {
  pid_t pid;
  struct gate g = new_gate();
  CHILD(pid) {
    pass_gate(&g);
    if (kind == 0) {
      on_signal(SIGTTIN, SIG_IGN);
      on_signal(SIGTTOU, SIG_IGN);
    } else if (kind == 1) {
      on_signal(SIGTTOU, SIG_DFL);
      block(SIGTTIN);
      block(SIGTTOU);
    } else {
      on_signal(SIGTTIN, handler);
      on_signal(SIGTTOU, handler);
    }
    all(what);
    if (kind == 1) say("  pending: %d %d", is_pending(SIGTTIN), is_pending(SIGTTOU));
    if (kind == 2) say("  handled: %d", (int)seen);
    _exit(0);
  }
  must(setpgid(pid, pid));
  open_gate(&g);
  reap(pid);
  must(tcsetpgrp(p.s, getpgrp()));
}

int main(void) {
  p = own_terminal();
  on_signal(SIGTTOU, SIG_IGN);
  in_background("ignored", 0);
  in_background("blocked", 1);
  flags(p.s, 'l', TOSTOP, 0);
  in_background("ignored, with TOSTOP", 0);
  in_background("handled, with TOSTOP", 2);
  pid_t pid;
  struct gate gone = new_gate(), g = new_gate();
  CHILD(pid) {
    must(setpgid(0, 0));
    pid_t orphan;
    CHILD(orphan) {
      on_signal(SIGTTOU, SIG_DFL);
      on_signal(SIGTTIN, SIG_DFL);
      pass_gate(&gone);
      all("an orphan, with TOSTOP");
      open_gate(&g);
      _exit(0);
    }
    _exit(0);
  }
  reap(pid);
  open_gate(&gone);
  pass_gate(&g);
  return 0;
}
