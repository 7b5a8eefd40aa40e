/* TCP: which of several listeners a connection goes to, by address, family and interface; ports that are bound twice. */
// needs: root
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char *err(int e) {
  return e == EADDRINUSE ? "EADDRINUSE" : e == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : e == ECONNREFUSED ? "ECONNREFUSED" : e == ENETUNREACH ? "ENETUNREACH" : errname(e);
}
static long tell(const char *what, long r) {
  if (r == -1) say("%s: %s", what, err(errno));
  else say("%s: ok", what);
  return r;
}
union name { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; };
static union name of(const char *address, int port, socklen_t *size) {
  union name n = { .six = { 0 } };
  if (inet_pton(AF_INET, address, &n.four.sin_addr) == 1) n.four.sin_family = AF_INET, n.four.sin_port = htons((unsigned short)port), *size = sizeof n.four;
  else memset(&n, 0, sizeof n), inet_pton(AF_INET6, address, &n.six.sin6_addr), n.six.sin6_family = AF_INET6, n.six.sin6_port = htons((unsigned short)port), *size = sizeof n.six;
  return n;
}
enum { REUSE = 1, ONLY_SIX = 2, DEVICE = 4 };
static int bound(const char *address, int port, int flags) {
  int one = 1;
  socklen_t size;
  union name n = of(address, port, &size);
  int fd = (int)must(socket(n.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  if (flags & REUSE) must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  if (n.any.sa_family == AF_INET6) one = !!(flags & ONLY_SIX), must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
  if (flags & DEVICE) must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  if (bind(fd, &n.any, size)) say("bind to %s: %s", address, err(errno));
  return fd;
}
static int listener(const char *address, int port, int flags) {
  int fd = bound(address, port, flags | REUSE);
  if (listen(fd, 5)) say("listen at %s: %s", address, err(errno));
  return fd;
}
/* Connects, and tells who of these takes it. */
static void to(const char *address, int port, const int *listeners, int count) {
  socklen_t size;
  union name n = of(address, port, &size);
  int fd = (int)must(socket(n.any.sa_family, SOCK_STREAM, 0)), taken = -1;
  if (connect(fd, &n.any, size)) say("to %s: %s", address, err(errno));
  else for (int i = 0; i < count; i++) {
    int s = accept(listeners[i], NULL, NULL);
    if (s != -1) say("to %s: listener %d", address, taken = i), close(s);
  }
  close(fd);
}
static void all(int port, const int *listeners, int count) {
  to("127.0.0.1", port, listeners, count), to("127.0.0.2", port, listeners, count), to("::1", port, listeners, count), to("::ffff:127.0.0.1", port, listeners, count);
}
static void closed(const int *fds, int count) { for (int i = 0; i < count; i++) close(fds[i]); }

int main(void) {
  int l[4];
  say("-- two addresses and a third");
  l[0] = listener("127.0.0.1", 5310, 0), l[1] = listener("127.0.0.2", 5310, 0), l[2] = listener("::1", 5310, 0);
  all(5310, l, 3), to("127.0.0.3", 5310, l, 3);
  closed(l, 3);
  say("-- one of any, IPv6 alone");
  l[0] = listener("::", 5311, ONLY_SIX);
  all(5311, l, 1);
  say("-- and one of any, IPv4");
  l[1] = listener("0.0.0.0", 5311, 0);
  all(5311, l, 2);
  closed(l, 2);
  say("-- of any, both");
  l[0] = listener("::", 5312, 0), l[1] = listener("0.0.0.0", 5312, 0);
  all(5312, l, 2);
  closed(l, 2);
  say("-- an interface's");
  l[0] = listener("0.0.0.0", 5313, DEVICE), l[1] = listener("::", 5313, DEVICE | ONLY_SIX);
  all(5313, l, 2);
  closed(l, 2);
  say("-- one that does not listen beside one that does");
  l[0] = bound("127.0.0.1", 5314, REUSE), l[1] = listener("127.0.0.1", 5314, REUSE), l[2] = listener("127.0.0.1", 5314, REUSE);
  closed(l, 3);
  say("-- connections from one port");
  socklen_t size;
  union name n = of("127.0.0.1", 5315, &size), m = of("127.0.0.1", 5316, &size);
  l[0] = listener("127.0.0.1", 5315, REUSE), l[1] = listener("127.0.0.1", 5316, REUSE);
  int a = bound("127.0.0.1", 5317, REUSE), b = bound("127.0.0.1", 5317, REUSE);
  fcntl(a, F_SETFL, 0), fcntl(b, F_SETFL, 0);
  tell("the first", connect(a, &n.any, size)), tell("another to the same", connect(b, &n.any, size)), tell("to another", connect(b, &m.any, size));
  int s = (int)must(accept(l[0], NULL, NULL));
  tell("its other end", s);
  close(a), close(s), close(b);
  say("-- one that waits is taken over");
  a = bound("127.0.0.1", 5318, REUSE), fcntl(a, F_SETFL, 0);
  tell("the first", connect(a, &n.any, size)), s = (int)must(accept(l[0], NULL, NULL));
  close(a), close(s);
  a = bound("127.0.0.1", 5318, 0), close(a);
  a = bound("127.0.0.1", 5318, REUSE), fcntl(a, F_SETFL, 0);
  tell("from the same port", connect(a, &n.any, size)), s = (int)must(accept(l[0], NULL, NULL));
  char c = 0;
  must(write(s, "x", 1)), tell("it goes on", read(a, &c, 1));
  say("%c", c);
  tell("listening at a port that is connected", listen(a, 1));
  close(a), close(s), closed(l, 2);
  return 0;
}
