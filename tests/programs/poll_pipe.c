/* poll() on pipes: what is ready, hung up, wrong; time-outs and bad descriptors. */
#include "check.h"
#include <poll.h>

static void look(const char *name, int fd, short events, int timeout) {
  struct pollfd p = { fd, events, 0 };
  int r = poll(&p, 1, timeout);
  say("%s: %d%s%s%s%s%s", name, r, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "",
      p.revents & POLLHUP ? " HUP" : "", p.revents & POLLERR ? " ERR" : "", p.revents & POLLNVAL ? " NVAL" : "");
}

int main(void) {
  int p[2];
  static char big[65536];
  must(pipe(p));
  look("empty, read end", p[0], POLLIN, 0);
  look("empty, write end", p[1], POLLOUT, 0);
  look("2 ms", p[0], POLLIN, 2);
  must(write(p[1], big, sizeof big));
  look("full, read end", p[0], POLLIN, 0);
  look("full, write end", p[1], POLLOUT, 0);
  close(p[1]);
  look("no writer, data", p[0], POLLIN, 0);
  must(read(p[0], big, sizeof big));
  look("no writer, no data", p[0], POLLIN, -1);
  look("not asked for anything", p[0], 0, -1);
  close(p[0]);
  look("closed", p[0], POLLIN, -1);
  look("negative", -1, POLLIN, 0);
  must(pipe(p));
  close(p[0]);
  look("no reader", p[1], POLLOUT, -1);
  int file = (int)must(open("/proc/self/exe", O_RDONLY));
  look("plain file", file, POLLIN | POLLOUT, -1);
  must(pipe(p));
  pid_t child, me = getpid();
  CHILD(child) {
    wait_asleep(me);
    must(write(p[1], "x", 1));
    _exit(0);
  }
  look("sleeps until data comes", p[0], POLLIN, -1);
  wait_for(child);
  struct pollfd two[2] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 } };
  show("both", poll(two, 2, 0));
  show("none", poll(NULL, 0, 1));
  show("too many", syscall(SYS_poll, two, 100000000, 0));
  return 0;
}
