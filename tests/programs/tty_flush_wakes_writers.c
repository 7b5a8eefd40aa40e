/* Whoever throws a terminal's input away wakes those who wait at the other end until there is room. (So 3.2, and today's
   kernels. Its later stable releases, 3.2.4 among them, have lost the wake-up: the writers sleep on.) */
#include "tty.h"
// needs: pty

static struct pty p;

/* A child that has filled the slave's input, and now waits at the master for room: in write(2), or in poll(2). */
static pid_t waiter(int in_poll) {
  pid_t pid;
  CHILD(pid) {
    static char much[4096];
    for (size_t i = 0; i < sizeof much; i++) much[i] = i % 64 == 63 ? '\n' : 'x';
    must(fcntl(p.m, F_SETFL, O_NONBLOCK));
    /* The kernel may move it on a little later, which makes room once more. */
    for (int i = 0; i < 3; i++) {
      while (write(p.m, much, sizeof much) > 0) continue;
      sleep_ms(20);
    }
    must(fcntl(p.m, F_SETFL, 0));
    struct pollfd fd = { p.m, POLLOUT, 0 };
    if (in_poll) _exit(poll(&fd, 1, 1000) == 1 && fd.revents & POLLOUT ? 0 : 1);
    _exit(write(p.m, "y", 1) == 1 ? 0 : 2);
  }
  sleep_ms(100);
  wait_asleep(pid);
  return pid;
}

static void flush_by_ioctl(void) { must(tcflush(p.s, TCIFLUSH)); }
static void flush_both(void) { must(tcflush(p.s, TCIOFLUSH)); }
static void read_all(void) {
  char buf[4096];
  must(fcntl(p.s, F_SETFL, O_NONBLOCK));
  while (read(p.s, buf, sizeof buf) > 0) continue;
}

static void try_(const char *what, void (*act)(void), int raw) {
  for (int in_poll = 0; in_poll < 2; in_poll++) {
    p = new_pty();
    struct termios t;
    must(tcgetattr(p.s, &t));
    cfmakeraw(&t);
    if (!raw) t.c_lflag |= ICANON;
    must(tcsetattr(p.s, TCSANOW, &t));
    pid_t pid = waiter(in_poll);
    act();
    say("%s, %s, %s: %s", what, raw ? "raw" : "canonical", in_poll ? "poll" : "write", reap(pid));
    close(p.m);
    close(p.s);
  }
}

int main(void) {
  own_session();
  for (int raw = 0; raw < 2; raw++) {
    try_("TCIFLUSH", flush_by_ioctl, raw);
    try_("TCIOFLUSH", flush_both, raw);
  }
  try_("reading", read_all, 1);
  return 0;
}
