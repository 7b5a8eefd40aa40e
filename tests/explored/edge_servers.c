/* Two servers wait with one epoll descriptor, edge triggered, and a client waits for ever to be served.
 *
 * An edge tells that something has come, not how much: of two connections that come before anybody looks there is one.
 * Who is told has to accept until there is none left. */
#include "explored.h"
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void serve(int listener, int epfd) {
  struct epoll_event event;
  for (;;) {
    if (epoll_wait(epfd, &event, 1, -1) != 1) _exit(97);
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
      if (write(fd, "x", 1) != 1) _exit(96);
      close(fd);
#ifndef FIXED
      break;
#endif
    }
  }
}

int main(void) {
  char c;
  pid_t servers[2];
  struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&port, sizeof port) || listen(listener, 5)) return 98;
  int epfd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event)) return 98;
  for (int i = 0; i < 2; i++)
    if ((servers[i] = fork()) == 0) serve(listener, epfd);
  int clients[2] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0)};
  for (int i = 0; i < 2; i++) {
    if (connect(clients[i], (struct sockaddr *)&port, sizeof port)) return 97;
    sched_yield();
  }
  for (int i = 0; i < 2; i++)
    if (read(clients[i], &c, 1) != 1) return 96;
  put(1, "both are served\n");
  for (int i = 0; i < 2; i++) kill(servers[i], SIGKILL);
  while (wait(NULL) > 0) continue;
  return 0;
}
