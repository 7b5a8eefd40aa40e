/* Names, ports and sends of internet sockets that cannot be, or are seldom. */
// needs: root
// differs: later kernels bind raw sockets to more, and have other errors of bad names
// a real 3.2.4: calls ::1 from an IPv4 address too, and hears nothing for a minute (ETIMEDOUT)
#include "raw_peer.h"

#include <net/if.h>

#ifndef SIOCOUTQNSD
#define SIOCOUTQNSD 0x894b
#endif
static const char *short_name(int e) {
  return e == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : e == EADDRINUSE ? "EADDRINUSE" : e == ENETUNREACH ? "ENETUNREACH" : e == ENOTCONN ? "ENOTCONN" : e == EMSGSIZE ? "EMSGSIZE"
    : e == EAFNOSUPPORT ? "EAFNOSUPPORT" : e == EDESTADDRREQ ? "EDESTADDRREQ" : e == EINPROGRESS ? "EINPROGRESS" : e == EALREADY ? "EALREADY" : e == EISCONN ? "EISCONN"
    : e == ECONNREFUSED ? "ECONNREFUSED" : e == ECONNRESET ? "ECONNRESET" : errname(e);
}
static long result(const char *what, long r) {
  if (r == -1) say("%s: %s", what, short_name(errno));
  else say("%s: %ld", what, r);
  return r;
}
static struct sockaddr_in four(const char *address, int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
  inet_pton(AF_INET, address, &a.sin_addr);
  return a;
}
static struct sockaddr_in6 six(const char *address, int port) {
  struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
  inet_pton(AF_INET6, address, &a.sin6_addr);
  return a;
}
static int sock(int family, int type, int protocol) { return (int)must(socket(family, type, protocol)); }
#define BIND(what, fd, name, size) result(what, bind(fd, (struct sockaddr *)&(name), size))
#define CONNECT(what, fd, name, size) result(what, connect(fd, (struct sockaddr *)&(name), size))
#define SEND(what, fd, flags, name, size) result(what, sendto(fd, "abc", 3, flags, (struct sockaddr *)&(name), size))

static void raws(void) {
  say("-- raw sockets");
  int r = sock(AF_INET, SOCK_RAW, 200), r6 = sock(AF_INET6, SOCK_RAW, 200);
  struct sockaddr_in a = four("127.0.0.1", 0), far = four("10.1.1.1", 0), many = four("224.0.0.1", 0), all = four("127.255.255.255", 0);
  struct sockaddr_in6 b = six("::1", 0), far6 = six("2001::1", 0), mapped = six("::ffff:127.0.0.1", 0), many6 = six("ff02::1", 0), none6 = six("::", 0);
  result("to nobody", send(r, "abc", 3, 0));
  result("to nobody, IPv6", send(r6, "abc", 3, 0));
  BIND("short", r, a, 15), BIND("far", r, far, 16), BIND("many", r, many, 16), BIND("here", r, a, 16), BIND("again", r, all, 16);
  BIND("IPv6 short", r6, b, 23), BIND("far", r6, far6, 28), BIND("IPv4", r6, mapped, 28), BIND("many", r6, many6, 28), BIND("here", r6, b, 28), BIND("anywhere", r6, none6, 28);
  a.sin_family = AF_INET6;
  SEND("another family", r, 0, a, 16);
  a.sin_family = 0;
  SEND("no family", r, 0, a, 16);
  SEND("short", r, 0, a, 15);
  SEND("urgent", r, MSG_OOB, a, 16);
  SEND("to all", r, 0, all, 16);
  b.sin6_family = AF_INET;
  SEND("another family, IPv6", r6, 0, b, 28);
  b.sin6_family = AF_INET6, b.sin6_port = htons(7);
  SEND("another protocol", r6, 0, b, 28);
  b.sin6_port = htons(200);
  SEND("its own protocol", r6, 0, b, 28);
  SEND("short", r6, 0, b, 23);
  SEND("to none", r6, 0, none6, 28);
  CONNECT("connect", r6, b, 28);
  BIND("afterwards", r6, b, 28);
  result("to whom it is connected", send(r6, "abc", 3, 0));
  a.sin_family = AF_INET;
  CONNECT("connect IPv4", r, a, 16);
  BIND("afterwards", r, a, 16);
  result("to whom it is connected", send(r, "abc", 3, 0));
  static char long_one[65536 + 100];
  result("longer than any", send(r, long_one, 65536, 0));
  result("longer with its head", send(r, long_one, 65520, 0));
  shutdown(r, SHUT_WR);
  result("shut down", send(r, "abc", 3, 0));
  int h = sock(AF_INET, SOCK_RAW, IPPROTO_RAW), from_three = sock(AF_INET, SOCK_RAW, 201);
  long_one[0] = 0x45, long_one[9] = (char)201;
  result("a head that is short", sendto(h, long_one, 19, 0, (struct sockaddr *)&a, 16));
  result("longer than the device takes", sendto(h, long_one, 16437, 0, (struct sockaddr *)&a, 16));
  struct sockaddr_in three = four("127.0.0.3", 0);
  CONNECT("who hears one alone", from_three, three, 16);
  memcpy(long_one + 16, &a.sin_addr, 4);
  long_one[12] = 127, long_one[15] = 2, result("from another", sendto(h, long_one, 24, 0, (struct sockaddr *)&a, 16));
  result("is not heard", recv(from_three, long_one + 1000, 100, MSG_DONTWAIT));
  long_one[15] = 3, result("from it", sendto(h, long_one, 24, 0, (struct sockaddr *)&a, 16));
  result("is heard", recv(from_three, long_one + 1000, 100, MSG_DONTWAIT));
  shutdown(from_three, SHUT_WR), must(setsockopt(from_three, IPPROTO_IP, IP_HDRINCL, &(int){ 1 }, 4));
  result("a head from who is shut down", send(from_three, long_one, 24, 0));
  close(r), close(r6), close(h), close(from_three);
}

static void datagrams(void) {
  say("-- datagrams");
  int u = sock(AF_INET, SOCK_DGRAM, 0), v = sock(AF_INET, SOCK_DGRAM, 0), u6 = sock(AF_INET6, SOCK_DGRAM, 0), one = 1;
  struct sockaddr_in a = four("127.0.0.1", 7070), b = four("127.0.0.2", 7070), any = four("0.0.0.0", 7070), all = four("127.255.255.255", 7070), none = four("127.0.0.1", 0);
  struct sockaddr_in6 c = six("::1", 7070), mapped = six("::ffff:127.0.0.1", 7070), link = six("fe80::1", 7070), none6 = six("::1", 0);
  BIND("bind", u, a, 16), BIND("the same", v, a, 16), BIND("any", v, any, 16), BIND("another", v, b, 16);
  SEND("to no port", v, 0, none, 16), SEND("urgent", v, MSG_OOB, a, 16), SEND("short", v, 0, a, 15);
  a.sin_family = AF_INET6, SEND("another family", v, 0, a, 16), a.sin_family = AF_INET;
  SEND("to all", v, 0, all, 16);
  must(setsockopt(v, SOL_SOCKET, SO_BROADCAST, &one, 4));
  SEND("to all, allowed", v, 0, all, 16);
  char buffer[100];
  result("nobody listens to all", recv(u, buffer, 100, MSG_DONTWAIT));
  SEND("IPv6 to no port", u6, 0, none6, 28), SEND("short", u6, 0, c, 23);
  close(u6), u6 = sock(AF_INET6, SOCK_DGRAM, 0);
  BIND("to a link without its scope", u6, link, 28);
  link.sin6_scope_id = 99, BIND("to one of no interface", u6, link, 28);
  link.sin6_scope_id = if_nametoindex("lo"), BIND("to one of ours that it has not", u6, link, 28);
  BIND("IPv6", u6, c, 28);
  SEND("to IPv4 from IPv6", u6, 0, mapped, 28);
  CONNECT("connect to IPv4 from IPv6", u6, mapped, 28);
  c.sin6_family = 0, SEND("of no family", u6, 0, c, 28), c.sin6_family = AF_INET6;
  int mixed = sock(AF_INET6, SOCK_DGRAM, 0);
  CONNECT("an IPv6 socket to IPv4", mixed, mapped, 28);
  result("sent", send(mixed, "abc", 3, 0));
  c.sin6_family = 0, SEND("of no family", mixed, 0, c, 28);
  result("has come", recv(u, buffer, 100, MSG_DONTWAIT));
  close(mixed);
  static char large[70000];
  must(setsockopt(v, IPPROTO_UDP, 1, &one, 4));
  result("held back", sendto(v, large, 60000, 0, (struct sockaddr *)&a, 16));
  result("too much together", send(v, large, 6000, 0));
  result("what is left of it", recv(u, large, 70000, MSG_DONTWAIT));
  result("held back", sendto(v, large, 60, 0, (struct sockaddr *)&a, 16));
  result("from nowhere", send(v, (void *)8, 60, 0));
  result("held back", sendto(v, large, 61, 0, (struct sockaddr *)&a, 16));
  must(setsockopt(v, IPPROTO_UDP, 1, &(int){ 0 }, 4));
  result("let go", recv(u, large, 70000, MSG_DONTWAIT));
  must(setsockopt(v, IPPROTO_UDP, 1, &(int){ 0 }, 4));
  result("nothing to let go", recv(u, large, 70000, MSG_DONTWAIT));
  close(u), close(v), close(u6);
}

static void two_ports(void) {
  say("-- one port, several sockets");
  int u = sock(AF_INET, SOCK_DGRAM, 0), v = sock(AF_INET, SOCK_DGRAM, 0), w = sock(AF_INET, SOCK_DGRAM, 0), out = sock(AF_INET, SOCK_DGRAM, 0), one = 1;
  must(setsockopt(u, SOL_SOCKET, SO_REUSEADDR, &one, 4)), must(setsockopt(v, SOL_SOCKET, SO_REUSEADDR, &one, 4)), must(setsockopt(w, SOL_SOCKET, SO_REUSEADDR, &one, 4));
  struct sockaddr_in any = four("0.0.0.0", 7071), a = four("127.0.0.1", 7071), from = four("127.0.0.1", 7072), other = four("127.0.0.1", 7073);
  char b[10];
  BIND("any", u, any, 16), BIND("one", v, a, 16), BIND("bound to a device", w, any, 16);
  must(setsockopt(w, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  must(bind(out, (struct sockaddr *)&from, 16));
  SEND("sent", out, 0, a, 16);
  result("any", recv(u, b, 10, MSG_DONTWAIT)), result("one", recv(v, b, 10, MSG_DONTWAIT)), result("of the device", recv(w, b, 10, MSG_DONTWAIT));
  CONNECT("any, from there alone", u, from, 16);
  SEND("sent", out, 0, a, 16);
  result("any", recv(u, b, 10, MSG_DONTWAIT)), result("one", recv(v, b, 10, MSG_DONTWAIT));
  CONNECT("one, from elsewhere alone", v, other, 16);
  close(u), close(w);
  SEND("sent", out, 0, a, 16);
  result("one", recv(v, b, 10, MSG_DONTWAIT));
  result("is refused", send(out, "x", 1, 0));
  close(v), close(out);
}

static void streams(void) {
  say("-- streams");
  int s = sock(AF_INET, SOCK_STREAM, 0), t = sock(AF_INET, SOCK_STREAM, 0), s6 = sock(AF_INET6, SOCK_STREAM, 0), one = 1, n = -1;
  struct sockaddr_in a = four("127.0.0.1", 7074), none = four("127.0.0.1", 0), all = four("127.255.255.255", 7074), link;
  struct sockaddr_in6 six_one = six("::1", 7075), mapped = six("::ffff:127.0.0.1", 7074);
  memset(&link, 0, sizeof link);
  must(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 4)), must(setsockopt(t, SOL_SOCKET, SO_REUSEADDR, &one, 4));
  BIND("bind", s, a, 16), BIND("the same, both may", t, a, 16);
  result("listen", listen(s, 1)), result("two cannot", listen(t, 1));
  result("what can be read of who listens", ioctl(s, FIONREAD, &n)), result("what was sent", ioctl(s, TIOCOUTQ, &n));
  result("no ioctl", ioctl(s, 0x89ff, &n)), result("is it at the mark", ioctl(s, 0x8905, &n));
  CONNECT("who listens connects", s, a, 16);
  result("what can be read of nobody", ioctl(t, FIONREAD, &n));
  char b[10];
  result("read of nobody", recv(t, b, 10, 0)), result("urgent", recv(t, b, 1, MSG_OOB)), result("written to nobody", send(t, b, 1, MSG_NOSIGNAL));
  close(t), t = sock(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  CONNECT("short", t, a, 15), CONNECT("to no port", t, none, 16), CONNECT("to all", t, all, 16);
  a.sin_family = AF_INET6, CONNECT("another family", t, a, 16), a.sin_family = AF_INET;
  CONNECT("IPv6 short", s6, six_one, 23);
  six_one.sin6_family = AF_UNIX, CONNECT("another family", s6, six_one, 28), six_one.sin6_family = AF_INET6;
  must(bind(s6, (struct sockaddr *)&six_one, 28));
  CONNECT("from IPv6 to IPv4", s6, mapped, 28);
  close(s6), s6 = sock(AF_INET6, SOCK_STREAM, 0), mapped.sin6_port = htons(7076);
  must(bind(s6, (struct sockaddr *)&mapped, 28));
  CONNECT("from IPv4 to IPv6", s6, six_one, 28);
  BIND("bound again", s6, six_one, 28);
  CONNECT("connect", t, a, 16), CONNECT("again", t, a, 16);
  result("an address of family 0", connect(t, (struct sockaddr *)&link, 16));
  CONNECT("anew", t, a, 16);
  int c = (int)result("accepted", accept(s, NULL, NULL)) ;
  (void)c;
  result("shut down who listens, for writing", shutdown(s, SHUT_WR)), result("shut down", shutdown(s, SHUT_RD)), result("again", shutdown(s, SHUT_RD));
  result("accept", accept(s, NULL, NULL));
  result("in no way", shutdown(t, 3));
  close(s), close(t), close(s6);
}

/* A call on its way, and what can be done with it. */
static void calling_one(void) {
  close(l);
  int c = calling("calling"), n = -1;
  struct sockaddr_in to = at(own);
  char b[10];
  result("read", recv(c, b, 10, 0)), result("written", send(c, b, 1, MSG_NOSIGNAL)), result("urgent", recv(c, b, 1, MSG_OOB));
  result("to be read", ioctl(c, FIONREAD, &n)), result("to be sent", ioctl(c, TIOCOUTQ, &n)), result("not yet sent", ioctl(c, SIOCOUTQNSD, &n));
  say("%d", n);
  CONNECT("again", c, to, 16), result("listen", listen(c, 1));
  result("shut down", shutdown(c, SHUT_WR));
  heard("what is said of that");
  state(c);
  CONNECT("anew", c, to, 16);
  heard("called");
  must(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ 1, 0 }, sizeof(struct timeval)));
  must(fcntl(c, F_SETFL, 0));
  result("write and wait", send(c, b, 1, MSG_NOSIGNAL));
  put(0, 1, SYN | ACK, "");
  result("written", send(c, b, 1, MSG_NOSIGNAL));
  heard("it");
  put(1, 2, RST, "");
  result("read", recv(c, b, 10, 0)), result("again", recv(c, b, 10, 0));
  close(c);
}

int main(void) {
  begin();
  raws();
  datagrams();
  two_ports();
  streams();
  calling_one();
  return 0;
}
