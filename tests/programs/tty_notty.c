/* Giving the terminal up: TIOCNOTTY by a leader and by somebody else. */
#include "tty.h"
// needs: pty

static struct pty p;
static volatile sig_atomic_t hups, conts, code;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)context;
  if (sig == SIGHUP) hups++;
  else conts++;
  code = info->si_code;
}
static int have(void) {
  int fd = open("/dev/tty", O_RDWR);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

int main(void) {
  p = own_terminal();
  on_siginfo(SIGHUP, handler, SA_RESTART);
  on_siginfo(SIGCONT, handler, SA_RESTART);
  pid_t pid;
  CHILD(pid) {
    show("no leader", ioctl(p.s, TIOCNOTTY, 0));
    say("has one: %d", have());
    show("once more", ioctl(p.s, TIOCNOTTY, 0));
    show("TIOCGPGRP", tcgetpgrp(p.s));
    _exit(0);
  }
  wait_for(pid);
  say("leader has one: %d, %d %d", have(), (int)hups, (int)conts);
  show("of the master", ioctl(p.m, TIOCNOTTY, 0));
  struct gate g = new_gate(), done = new_gate();
  pid_t job;
  CHILD(job) {
    hups = conts = 0;
    open_gate(&g);
    pass_gate(&done);
    say("member has one: %d, SIGHUP %d, SIGCONT %d", have(), (int)hups, (int)conts);
    _exit(0);
  }
  pass_gate(&g);
  show("leader", ioctl(p.s, TIOCNOTTY, 0));
  settle();
  say("has one: %d, SIGHUP %d, SIGCONT %d, code %d", have(), (int)hups, (int)conts, (int)code);
  open_gate(&done);
  wait_for(job);
  put(p.m, "still a terminal\n");
  show_read("its file", p.s, 100);
  say("foreground by the master: %d", (int)tcgetpgrp(p.m));
  errno = 0;
  show("session by the master", tcgetsid(p.m));
  show("acquire it again", ioctl(p.s, TIOCSCTTY, 0));
  say("has one: %d", have());
  return 0;
}
