/* epoll on pipes: level, edge, one-shot, and its errors. */
#include "check.h"
#include <sys/epoll.h>

static int ep;
static void look(const char *name) {
  struct epoll_event e[4];
  int n = epoll_wait(ep, e, 4, 0);
  char line[100];
  int len = snprintf(line, sizeof line, "%s: %d", name, n);
  for (int i = 0; i < n; i++) len += snprintf(line + len, sizeof line - (size_t)len, " %d:%x", e[i].data.fd, e[i].events);
  say("%s", line);
}
static void control(const char *name, int op, int fd, unsigned events, int data) {
  struct epoll_event e = { .events = events, .data.fd = data };
  show(name, epoll_ctl(ep, op, fd, &e));
}

int main(void) {
  int p[2], q[2];
  char c;
  must(pipe(p));
  must(pipe(q));
  ep = (int)must(epoll_create1(EPOLL_CLOEXEC));
  control("add", EPOLL_CTL_ADD, p[0], EPOLLIN, 1);
  control("again", EPOLL_CTL_ADD, p[0], EPOLLIN, 1);
  control("add edge", EPOLL_CTL_ADD, q[0], EPOLLIN | EPOLLET, 2);
  control("itself", EPOLL_CTL_ADD, ep, EPOLLIN, 3);
  control("not there", EPOLL_CTL_MOD, q[1], EPOLLIN, 3);
  control("bad fd", EPOLL_CTL_ADD, 99, EPOLLIN, 3);
  look("empty");
  must(write(p[1], "x", 1));
  must(write(q[1], "x", 1));
  look("both");
  look("level only");
  must(write(q[1], "x", 1));
  must(read(p[0], &c, 1));
  look("edge again");
  control("one shot", EPOLL_CTL_MOD, q[0], EPOLLIN | EPOLLONESHOT, 4);
  look("once");
  look("no more");
  control("delete", EPOLL_CTL_DEL, q[0], 0, 0);
  close(p[1]);
  look("hang-up");
  close(p[0]);
  look("closed is forgotten");
  struct epoll_event e;
  show("no room", epoll_wait(ep, &e, 0, 0));
  show("time-out", epoll_wait(ep, &e, 1, 2));
  return 0;
}
