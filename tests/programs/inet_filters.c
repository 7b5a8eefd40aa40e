/* Filters of internet sockets: what they see of a packet, and what is left of it. */
// needs: root
#include "check.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static void filter(int fd, struct sock_filter *code, int n) {
  struct sock_fprog program = { (unsigned short)n, code };
  must(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}
static int take(int fd, int bytes) {
  struct sock_filter code[] = { { 6, 0, 0, (unsigned)bytes } };
  return filter(fd, code, 1), fd;
}
static struct sockaddr_in6 name_of(int fd, socklen_t *n) {
  struct sockaddr_in6 a;
  *n = sizeof a;
  must(getsockname(fd, (struct sockaddr *)&a, n));
  return a;
}
static int bound(int family, int type, int protocol) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd = (int)must(socket(family, type, protocol));
  must(family == AF_INET ? bind(fd, (struct sockaddr *)&a, sizeof a) : bind(fd, (struct sockaddr *)&a6, sizeof a6));
  return fd;
}
static void send_to(int from, int to, const char *text) {
  socklen_t n;
  struct sockaddr_in6 a = name_of(to, &n);
  show("sent", sendto(from, text, strlen(text), 0, (struct sockaddr *)&a, n));
}
static void got(int fd, const char *what) {
  char b[200] = "";
  long n = recv(fd, b, sizeof b - 1, MSG_DONTWAIT | MSG_TRUNC);
  if (n < 0) say("%s: %s", what, errname(errno));
  else say("%s: %ld \"%s\"", what, n, b);
}

static void datagrams(int family, int protocol) {
  say("-- family %d, protocol %d", family == AF_INET ? 4 : 6, protocol);
  int r = bound(family, SOCK_DGRAM, protocol), s = bound(family, SOCK_DGRAM, protocol);
  take(r, 0);
  send_to(s, r, "dropped");
  got(r, "nothing of it");
  take(r, 12);
  send_to(s, r, "abcdefgh");
  got(r, "12 bytes");
  take(r, 8);
  send_to(s, r, "abcdefgh");
  got(r, "8 bytes");
  take(r, 100);
  send_to(s, r, "abcdefgh");
  got(r, "all");
  struct sock_filter long_ones[] = { { 0x28, 0, 0, 4 }, { 0x35, 0, 1, 8 + 3 }, { 6, 0, 0, 999 }, { 6, 0, 0, 0 } };
  filter(r, long_ones, 4);
  send_to(s, r, "ab");
  send_to(s, r, "abc");
  got(r, "long ones");
  got(r, "no other");
  struct sock_filter other[] = { { 0x20, 0, 0, (unsigned)SKF_AD_OFF + SKF_AD_PROTOCOL }, { 0x15, 0, 1, family == AF_INET ? 0x800 : 0x86dd },
                                 { 0x28, 0, 0, 0 }, { 0x16, 0, 0, 0 } };
  filter(r, other, 4);
  send_to(s, r, "the port is a length");
  got(r, "of the protocol");
  struct sock_filter loopback[] = { { 0x20, 0, 0, (unsigned)SKF_AD_OFF + SKF_AD_HATYPE }, { 0x15, 0, 1, 772 }, { 6, 0, 0, 999 }, { 6, 0, 0, 0 } };
  filter(r, loopback, 4);
  send_to(s, r, "of the loopback");
  got(r, "of the loopback");
  int n = 0;
  must(setsockopt(r, SOL_SOCKET, SO_DETACH_FILTER, &n, sizeof n));
  send_to(s, r, "no filter");
  got(r, "no filter");
  close(r), close(s);
}

static void raw(void) {
  say("-- raw");
  int r = (int)must(socket(AF_INET, SOCK_RAW, 200)), s = (int)must(socket(AF_INET, SOCK_RAW, 200));
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct sock_filter head[] = { { 0x30, 0, 0, 9 }, { 0x15, 0, 1, 200 }, { 6, 0, 0, 22 }, { 6, 0, 0, 0 } };
  char b[100] = "";
  filter(r, head, 4);
  must(sendto(s, "packet", 6, 0, (struct sockaddr *)&a, sizeof a));
  show("with its head", recv(r, b, sizeof b, MSG_DONTWAIT));
  say("%s", b + 20);
  show("without a filter", recv(s, b, sizeof b, MSG_DONTWAIT));
  take(r, 0);
  must(sendto(s, "packet", 6, 0, (struct sockaddr *)&a, sizeof a));
  got(r, "nothing");
  close(r), close(s);
}

static void stream(int family) {
  say("-- a stream");
  int l = bound(family, SOCK_STREAM, 0), c = (int)must(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  socklen_t n;
  must(listen(l, 5));
  struct sockaddr_in6 a = name_of(l, &n);
  struct pollfd f = { c, POLLOUT, 0 };
  take(l, 0);
  show("connect", connect(c, (struct sockaddr *)&a, n) == -1 && errno == EINPROGRESS);
  show("no answer", poll(&f, 1, 500));
  take(l, 9999);
  show("when it is sent again", poll(&f, 1, 5000));
  int s = (int)must(accept(l, NULL, NULL));
  take(s, 0);
  must(send(c, "hello", 5, 0));
  got(s, "not taken");
  int none = 0;
  must(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none));
  f = (struct pollfd){ s, POLLIN, 0 };
  show("when it is sent again", poll(&f, 1, 5000));
  got(s, "taken");
  close(l), close(c), close(s);
}

int main(void) {
  datagrams(AF_INET, 0);
  datagrams(AF_INET6, 0);
  datagrams(AF_INET, IPPROTO_UDPLITE);
  raw();
  stream(AF_INET);
  stream(AF_INET6);
  return 0;
}
