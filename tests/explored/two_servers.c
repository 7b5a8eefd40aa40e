/* Two servers wait for connections to one port; one of them is never heard of again.
 *
 * poll() tells both of one connection, the quicker one accepts it, and the other one's accept() sleeps until the next,
 * deaf to whoever tells it to quit. Who shares a listening socket has to make it non-blocking, and to live with EAGAIN.
 * Known as the select() and accept() race of preforked servers. */
#include "explored.h"
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

static void serve(int listener, int quit) {
  char c;
  for (;;) {
    struct pollfd both[2] = {{listener, POLLIN, 0}, {quit, POLLIN, 0}};
    poll(both, 2, -1);
    if (both[0].revents) {
      int fd = accept(listener, NULL, NULL);
      if (fd < 0) continue; /* it was for the other one */
      if (write(fd, "x", 1) != 1) _exit(97);
      close(fd);
    } else if (both[1].revents && !read(quit, &c, 1)) {
      _exit(0);
    }
  }
}

int main(void) {
  int quit[2], status;
  char c;
  struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}};
#ifdef FIXED
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
#else
  int listener = socket(AF_INET, SOCK_STREAM, 0);
#endif
  if (pipe(quit) || bind(listener, (struct sockaddr *)&port, sizeof port) || listen(listener, 5)) return 98;
  for (int i = 0; i < 2; i++) {
    if (fork() == 0) {
      close(quit[1]);
      serve(listener, quit[0]);
    }
  }
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&port, sizeof port) || read(fd, &c, 1) != 1) return 97;
  put(1, "served\n");
  close(quit[1]);
  while (wait(&status) > 0) continue;
  put(1, "both have quit\n");
  return 0;
}
