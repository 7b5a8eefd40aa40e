/* tty.h: what the programs about terminals share. Each makes a pseudo-terminal of its own and is both sides of it. */
#ifndef TTY_H
#define TTY_H
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

/* Bytes in which nothing is hidden. */
static inline const char *quoted(const char *data, ssize_t n) {
  static char text[2][8192];
  static int next;
  char *t = text[next++ % 2], *p = t;
  for (ssize_t i = 0; i < n && p < t + 8180; i++) {
    unsigned char c = (unsigned char)data[i];
    if (c == '\n') p += sprintf(p, "\\n");
    else if (c == '\r') p += sprintf(p, "\\r");
    else if (c == '\t') p += sprintf(p, "\\t");
    else if (c == '\b') p += sprintf(p, "\\b");
    else if (c == '\\') p += sprintf(p, "\\\\");
    else if (c < 32 || c > 126) p += sprintf(p, "<%02x>", c);
    else *p++ = (char)c;
  }
  *p = 0;
  return t;
}

struct pty { int m, s; };
static inline int slave_number(int m) {
  int n;
  must(ioctl(m, TIOCGPTN, &n));
  return n;
}
static inline int open_master(void) {
  int m = (int)must(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)), unlock = 0;
  must(ioctl(m, TIOCSPTLCK, &unlock));
  return m;
}
static inline int open_slave(int m, int flags) {
  char path[40];
  snprintf(path, sizeof path, "/dev/pts/%d", slave_number(m));
  return open(path, flags);
}
static inline struct pty new_pty(void) {
  struct pty p;
  p.m = open_master();
  p.s = (int)must(open_slave(p.m, O_RDWR | O_NOCTTY | O_CLOEXEC));
  return p;
}

/* Change bits of one word of the settings: 'i', 'o' or 'l'. */
static inline void flags(int fd, int which, tcflag_t on, tcflag_t off) {
  struct termios t;
  must(tcgetattr(fd, &t));
  tcflag_t *word = which == 'i' ? &t.c_iflag : which == 'o' ? &t.c_oflag : &t.c_lflag;
  *word = (*word & ~off) | on;
  must(tcsetattr(fd, TCSANOW, &t));
}
static inline void control(int fd, int index, int c) {
  struct termios t;
  must(tcgetattr(fd, &t));
  t.c_cc[index] = (cc_t)c;
  must(tcsetattr(fd, TCSANOW, &t));
}
static inline void raw(int fd, int min, int time) {
  struct termios t;
  must(tcgetattr(fd, &t));
  t.c_iflag = t.c_oflag = t.c_lflag = 0;
  t.c_cc[VMIN] = (cc_t)min;
  t.c_cc[VTIME] = (cc_t)time;
  must(tcsetattr(fd, TCSANOW, &t));
}

/* A kernel may carry bytes to the other side a little later than write(2) returns: silence means that all have come. */
enum { SILENCE_MS = 60 };
static inline int ready(int fd, int events, int ms) {
  struct pollfd p = { fd, (short)events, 0 };
  return poll(&p, 1, ms) > 0 ? p.revents : 0;
}
static inline void put_n(int fd, const char *data, size_t n) {
  if (write(fd, data, n) != (ssize_t)n) must(-1);
}
static inline void put(int fd, const char *text) { put_n(fd, text, strlen(text)); }
static inline void settle(void) { sleep_ms(SILENCE_MS); }

/* Everything that can be read now, as one piece. */
static inline void show_all(const char *what, int fd) {
  char data[8192];
  ssize_t n = 0, got;
  int revents;
  while (n < (ssize_t)sizeof data && (revents = ready(fd, POLLIN, SILENCE_MS)) & POLLIN) {
    got = read(fd, data + n, sizeof data - (size_t)n);
    if (got <= 0) {
      say("%s: \"%s\" then %s", what, quoted(data, n), got ? errname(errno) : "0");
      return;
    }
    n += got;
  }
  say("%s: \"%s\"", what, quoted(data, n));
}
/* One read, which must not wait for ever. */
static inline void show_read(const char *what, int fd, size_t size) {
  char data[8192];
  ssize_t n = read(fd, data, size);
  if (n == -1) say("%s: %s", what, errname(errno));
  else say("%s: %d \"%s\"", what, (int)n, quoted(data, n));
}
/* The same if there is anything. */
static inline void show_ready(const char *what, int fd, size_t size) {
  if (ready(fd, POLLIN, SILENCE_MS) & POLLIN) show_read(what, fd, size);
  else say("%s: nothing", what);
}
static inline int waiting(int fd) {
  int n;
  must(ioctl(fd, FIONREAD, &n));
  return n;
}

/* Lead a session whose terminal is p.s, in a child; the parent waits and ends as it ended. */
static inline struct pty own_terminal(void) {
  own_session();
  struct pty p = new_pty();
  must(ioctl(p.s, TIOCSCTTY, 0));
  return p;
}
/* A child in a process group of its own. */
static inline pid_t job(void (*body)(struct pty), struct pty p) {
  struct gate g = new_gate();
  pid_t pid;
  CHILD(pid) {
    pass_gate(&g);
    body(p);
    _exit(0);
  }
  must(setpgid(pid, pid));
  open_gate(&g);
  close(g.fd[0]);
  close(g.fd[1]);
  return pid;
}
#endif
