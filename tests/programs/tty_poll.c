/* poll, select and epoll on both sides. */
#include "tty.h"
#include <sys/epoll.h>
// needs: pty

static struct pty p;
static void both(const char *what) {
  settle();
  say("%s: slave %x, master %x", what, ready(p.s, POLLIN | POLLOUT | POLLPRI, 0), ready(p.m, POLLIN | POLLOUT | POLLPRI, 0));
}

int main(void) {
  p = new_pty();
  both("nothing");
  put(p.m, "ab");
  both("part of a line");
  put(p.m, "\n");
  both("a line");
  show_read("line", p.s, 100);
  put(p.m, "\004");
  both("end of file");
  show_read("end of file", p.s, 100);
  show_all("echo", p.m);
  both("all read");
  flags(p.s, 'l', 0, ICANON | ECHO);
  control(p.s, VMIN, 3);
  put(p.m, "ab");
  both("MIN 3 and two bytes");
  control(p.s, VTIME, 1);
  both("with TIME");
  control(p.s, VTIME, 0);
  control(p.s, VMIN, 0);
  both("MIN 0");
  show_read("bytes", p.s, 100);
  both("MIN 0 and nothing");
  control(p.s, VMIN, 1);

  pid_t pid;
  int epoll = (int)must(epoll_create1(0));
  struct epoll_event e = { EPOLLIN | EPOLLET, { .fd = p.s } };
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, p.s, &e));
  CHILD(pid) {
    sleep_ms(50);
    put(p.m, "x");
    sleep_ms(300);
    _exit(0);
  }
  show("epoll", epoll_wait(epoll, &e, 1, 2000));
  say("events %x", e.events);
  show("no new edge", epoll_wait(epoll, &e, 1, 50));
  show_read("byte", p.s, 10);
  wait_for(pid);
  CHILD(pid) {
    sleep_ms(50);
    put(p.s, "y");
    _exit(0);
  }
  fd_set in;
  FD_ZERO(&in);
  FD_SET(p.m, &in);
  FD_SET(p.s, &in);
  struct timeval t = { 2, 0 };
  show("select", select(20, &in, NULL, NULL, &t));
  say("master %d, slave %d", !!FD_ISSET(p.m, &in), !!FD_ISSET(p.s, &in));
  wait_for(pid);
  show_read("master", p.m, 10);
  CHILD(pid) {
    close(p.m);
    sleep_ms(50);
    close(p.s);
    _exit(0);
  }
  close(p.s);
  say("hangup wakes: %x", ready(p.m, POLLIN, 2000));
  return 0;
}
