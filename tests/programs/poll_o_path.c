/* poll and select of an O_PATH descriptor: it is not open to the one, and never ready to the other. */
// differs: to select of a later kernel such a descriptor is always ready
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

int main(void) {
  int fd = (int)must(open("/", O_PATH)), p[2], ep = (int)must(epoll_create1(0));
  must(pipe(p));
  must(write(p[1], "x", 1));
  struct pollfd fds[2] = { { fd, POLLIN | POLLOUT, 0 }, { p[0], POLLIN, 0 } };
  int n = poll(fds, 2, 0);
  say("poll: %d, %x, %x", n, fds[0].revents, fds[1].revents);
  fd_set in, out;
  FD_ZERO(&in);
  FD_ZERO(&out);
  FD_SET(fd, &in);
  FD_SET(fd, &out);
  FD_SET(p[0], &in);
  struct timeval none = { 0, 0 };
  n = select(FD_SETSIZE, &in, &out, NULL, &none);
  say("select: %d, %d, %d, %d", n, FD_ISSET(fd, &in), FD_ISSET(fd, &out), FD_ISSET(p[0], &in));
  struct epoll_event e = { .events = EPOLLIN };
  show("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
  return 0;
}
