/* UDP and raw sockets over the loopback: sending, receiving, errors that come back, groups.
 *
 * Linux 3.2 says otherwise than kernels of today: a datagram to nobody is told to a connected sender alone, and a group is
 * joined on an interface that has no multicast flag.
 */
// differs: hosts have more than a loopback, and route groups there
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in in(unsigned address, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address), .sin_port = htons(port)};
  return a;
}
static int port_of(int fd) {
  struct sockaddr_in6 a;
  socklen_t n = sizeof a;
  must(getsockname(fd, (void *)&a, &n));
  return ntohs(a.sin6_port);
}
static int bound(unsigned address) {
  struct sockaddr_in a = in(address, 0);
  int fd = must(socket(AF_INET, SOCK_DGRAM, 0));
  must(bind(fd, (void *)&a, sizeof a));
  return fd;
}
static int mask(int fd) {
  struct pollfd p = {.fd = fd, .events = 0x7fff};
  must(poll(&p, 1, 0));
  return p.revents;
}
static int so_error(int fd) {
  int e;
  socklen_t n = sizeof e;
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n));
  return e;
}
static int number(int fd, unsigned long request) {
  int n = -1;
  if (ioctl(fd, request, &n)) return -errno;
  return n;
}
static char big[70000];
struct extended_err {
  unsigned ee_errno;
  unsigned char ee_origin, ee_type, ee_code, ee_pad;
  unsigned ee_info, ee_data;
};

static void sending(void) {
  int a = bound(INADDR_LOOPBACK), b = must(socket(AF_INET, SOCK_DGRAM, 0));
  struct sockaddr_in to = in(INADDR_LOOPBACK, port_of(a)), from;
  socklen_t n = sizeof from;
  char buf[100];
  say("fresh %#x", mask(b));
  show("without a target", send(b, "x", 1, 0));
  say("it has a port now: %d", port_of(b) != 0);
  show("too short an address", sendto(b, "x", 1, 0, (void *)&to, 15));
  to.sin_family = AF_UNIX;
  show("another family", sendto(b, "x", 1, 0, (void *)&to, 16));
  to.sin_family = AF_UNSPEC;
  show("no family", sendto(b, "abc", 3, 0, (void *)&to, 16));
  to.sin_family = AF_INET;
  show("received", recvfrom(a, buf, 100, 0, (void *)&from, &n));
  say("from here: %d, %#x", from.sin_port == htons(port_of(b)), ntohl(from.sin_addr.s_addr));
  show("nothing there", recv(a, buf, 100, MSG_DONTWAIT));
  show("urgently", sendto(b, "x", 1, MSG_OOB, (void *)&to, 16));
  show("too long", sendto(b, big, 65508, 0, (void *)&to, 16));
  show("much too long", sendto(b, big, 65536, 0, (void *)&to, 16));
  show("as long as may be", sendto(b, big, 65507, 0, (void *)&to, 16));
  say("FIONREAD %d", number(a, FIONREAD));
  show("cut", recv(a, buf, 100, 0));
  show("nothing at all", sendto(b, 0, 0, 0, (void *)&to, 16));
  say("mask %#x, FIONREAD %d", mask(a), number(a, FIONREAD));
  show("is something", recv(a, buf, 100, 0));
  show("from a bad address", sendto(b, (void *)8, 1, 0, (void *)&to, 16));
  must(sendto(b, "0123456789", 10, 0, (void *)&to, 16));
  must(sendto(b, "second", 6, 0, (void *)&to, 16));
  say("FIONREAD of two %d", number(a, FIONREAD));
  show("peek", recv(a, buf, 4, MSG_PEEK));
  show("peek with the real length", recv(a, buf, 4, MSG_PEEK | MSG_TRUNC));
  struct iovec v = {buf, 4};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from};
  show("recvmsg", recvmsg(a, &m, 0));
  say("flags %#x, length of the name %d", m.msg_flags, m.msg_namelen);
  show("into a bad address", recv(a, (void *)8, 4, 0));
  show("and it is gone", recv(a, buf, 4, MSG_DONTWAIT));
  show("listen", listen(a, 1));
  show("accept", accept(a, 0, 0));
  struct sockaddr_in none = in(0x0a000001, 5), broadcast = in(0x7fffffff, port_of(a)), group = in(0xe0000001, 5);
  show("nowhere", sendto(b, "x", 1, 0, (void *)&none, 16));
  show("a broadcast", sendto(b, "x", 1, 0, (void *)&broadcast, 16));
  show("a group", sendto(b, "x", 1, 0, (void *)&group, 16));
  none = in(0xffffffff, 5);
  show("all", sendto(b, "x", 1, 0, (void *)&none, 16));
  none = in(INADDR_LOOPBACK, 0);
  show("port 0", sendto(b, "x", 1, 0, (void *)&none, 16));
  int on = 1;
  must(setsockopt(b, SOL_SOCKET, SO_BROADCAST, &on, 4));
  int any = bound(INADDR_ANY);
  broadcast.sin_port = htons(port_of(any));
  show("a broadcast with leave", sendto(b, "x", 1, 0, (void *)&broadcast, 16));
  show("somebody has it", recv(any, buf, 4, MSG_DONTWAIT));
}

static void errors(void) {
  int gone = bound(INADDR_LOOPBACK), fd = must(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
  struct sockaddr_in to = in(INADDR_LOOPBACK, port_of(gone)), name;
  struct { struct cmsghdr h; struct extended_err e; struct sockaddr_in from; char more[64]; } c;
  char buf[100];
  must(close(gone));
  show("to nobody", sendto(fd, "abc", 3, 0, (void *)&to, 16));
  say("SO_ERROR %d, mask %#x", so_error(fd), mask(fd));
  must(connect(fd, (void *)&to, 16));
  show("connected", send(fd, "abc", 3, 0));
  say("mask %#x", mask(fd));
  show("next send", send(fd, "abc", 3, 0));
  show("and one more", send(fd, "abc", 3, 0));
  show("a receive", recv(fd, buf, 100, MSG_DONTWAIT));
  show("and another", recv(fd, buf, 100, MSG_DONTWAIT));
  must(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, 4));
  show("send", send(fd, "abcdef", 6, 0));
  say("mask %#x", mask(fd));
  struct iovec v = {buf, 4};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &name, .msg_namelen = sizeof name, .msg_control = &c,
    .msg_controllen = sizeof c};
  show("the error queue", recvmsg(fd, &m, MSG_ERRQUEUE));
  say("flags %#x, control %zu: level %d type %d, errno %u origin %d type %d code %d info %u data %u", m.msg_flags,
      m.msg_controllen, c.h.cmsg_level, c.h.cmsg_type, c.e.ee_errno, c.e.ee_origin, c.e.ee_type, c.e.ee_code, c.e.ee_info,
      c.e.ee_data);
  say("from %#x, the target %#x %d, %.4s", ntohl(c.from.sin_addr.s_addr), ntohl(name.sin_addr.s_addr),
      name.sin_port == to.sin_port, buf);
  say("SO_ERROR %d, mask %#x", so_error(fd), mask(fd));
  show("empty", recvmsg(fd, &m, MSG_ERRQUEUE));
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  show("disconnect", connect(fd, &none, sizeof none));
  say("port %d", port_of(fd));
  show("getpeername", getpeername(fd, (void *)&name, &(socklen_t){16}));
}

static void connected(void) {
  int a = bound(INADDR_LOOPBACK), b = bound(INADDR_LOOPBACK), c = bound(INADDR_LOOPBACK);
  struct sockaddr_in to_a = in(INADDR_LOOPBACK, port_of(a)), to_b = in(INADDR_LOOPBACK, port_of(b));
  char buf[100];
  must(connect(a, (void *)&to_b, 16));
  must(sendto(c, "stranger", 8, 0, (void *)&to_a, 16));
  show("from a stranger", recv(a, buf, 100, MSG_DONTWAIT));
  must(sendto(b, "friend", 6, 0, (void *)&to_a, 16));
  show("from its friend", recv(a, buf, 100, MSG_DONTWAIT));
  struct sockaddr_in to_c = in(INADDR_LOOPBACK, port_of(c));
  show("to somebody else", sendto(a, "x", 1, 0, (void *)&to_c, 16));
  show("which arrives", recv(c, buf, 100, MSG_DONTWAIT));
  show("shutdown of one that is not connected", shutdown(c, SHUT_RD));
  say("mask %#x", mask(c));
  show("receiving then", recv(c, buf, 100, 0));
  show("receiving then without waiting", recv(c, buf, 100, MSG_DONTWAIT));
  show("shutdown", shutdown(a, SHUT_WR));
  show("sending then", send(a, "x", 1, 0));
  show("shutdown", shutdown(a, SHUT_RD));
  say("mask %#x", mask(a));
}

static void corking(void) {
  int a = bound(INADDR_LOOPBACK), b = bound(INADDR_LOOPBACK), on = 1, off = 0;
  struct sockaddr_in to = in(INADDR_LOOPBACK, port_of(a));
  char buf[100];
  must(sendto(b, "abc", 3, MSG_MORE, (void *)&to, 16));
  show("held back", recv(a, buf, 100, MSG_DONTWAIT));
  must(sendto(b, "def", 3, 0, (void *)&to, 16));
  show("joined", recv(a, buf, 100, MSG_DONTWAIT));
  must(setsockopt(b, IPPROTO_UDP, UDP_CORK, &on, 4));
  must(connect(b, (void *)&to, 16));
  must(send(b, "abc", 3, 0));
  must(send(b, "defg", 4, 0));
  show("corked", recv(a, buf, 100, MSG_DONTWAIT));
  must(setsockopt(b, IPPROTO_UDP, UDP_CORK, &off, 4));
  show("uncorked", recv(a, buf, 100, MSG_DONTWAIT));
}

static void filling(size_t size) {
  int a = bound(INADDR_LOOPBACK), b = bound(INADDR_LOOPBACK), n = 0, room = 212992 / 2;
  struct sockaddr_in to = in(INADDR_LOOPBACK, port_of(a));
  must(setsockopt(a, SOL_SOCKET, SO_RCVBUF, &room, 4));
  for (int i = 0; i < 400; i++) must(sendto(b, big, size, 0, (void *)&to, 16));
  while (recv(a, big, sizeof big, MSG_DONTWAIT) >= 0) n++;
  say("of 400 of %zu bytes there are %d", size, n);
  close(a);
  close(b);
}

static void six(void) {
  int a = must(socket(AF_INET6, SOCK_DGRAM, 0)), b = must(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT}, from;
  socklen_t n = sizeof from;
  char buf[100], text[60];
  must(bind(a, (void *)&name, sizeof name));
  struct sockaddr_in to = in(INADDR_LOOPBACK, port_of(a));
  must(sendto(b, "abc", 3, 0, (void *)&to, 16));
  show("IPv4 to IPv6", recvfrom(a, buf, 100, 0, (void *)&from, &n));
  say("from %s, length %d", inet_ntop(AF_INET6, &from.sin6_addr, text, 60), n);
  to = in(INADDR_LOOPBACK, port_of(b));
  show("a sockaddr_in from IPv6", sendto(a, "abcd", 4, 0, (void *)&to, 16));
  show("arrives", recv(b, buf, 100, MSG_DONTWAIT));
  inet_pton(AF_INET6, "::1", &name.sin6_addr);
  name.sin6_port = htons(port_of(a));
  show("to ::1", sendto(a, "abcde", 5, 0, (void *)&name, sizeof name));
  must(setsockopt(a, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, 4));
  must(setsockopt(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, 4));
  struct { char b[200]; } c;
  struct iovec v = {buf, 100};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
  show("with control messages", recvmsg(a, &m, 0));
  for (size_t at = 0; at < m.msg_controllen;) {
    struct cmsghdr h;
    memcpy(&h, c.b + at, sizeof h);
    say("level %d type %d length %zu", h.cmsg_level, h.cmsg_type, (size_t)h.cmsg_len);
    at += CMSG_ALIGN(h.cmsg_len);
  }
  int only = must(socket(AF_INET6, SOCK_DGRAM, 0));
  must(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4));
  show("V6ONLY to IPv4", sendto(only, "x", 1, 0, (void *)&to, 16));
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &name.sin6_addr);
  show("V6ONLY to mapped", sendto(only, "x", 1, 0, (void *)&name, sizeof name));
  show("V6ONLY connect to IPv4", connect(only, (void *)&to, 16));
  show("V6ONLY after a bind", setsockopt(a, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4));
  inet_pton(AF_INET6, "2001::1", &name.sin6_addr);
  show("to nowhere", sendto(a, "x", 1, 0, (void *)&name, sizeof name));
}

static void groups(void) {
  int a = bound(INADDR_ANY), b = must(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
  struct ip_mreq r = {.imr_multiaddr.s_addr = htonl(0xe0010203)};
  char buf[100];
  show("join without an interface", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof r));
  r.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
  show("join", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof r));
  show("join again", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof r));
  struct in_addr lo = {htonl(INADDR_LOOPBACK)};
  show("send through", setsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo));
  struct sockaddr_in to = in(0xe0010203, port_of(a));
  show("send", sendto(b, "abc", 3, 0, (void *)&to, 16));
  must(setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, 4));
  show("arrives", recv(a, buf, 100, MSG_DONTWAIT));
  show("leave", setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &r, sizeof r));
  show("leave again", setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &r, sizeof r));
  r.imr_multiaddr.s_addr = htonl(INADDR_LOOPBACK);
  show("join what is no group", setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof r));
}

static void raw(void) {
  int fd = must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  struct icmphdr request = {.type = ICMP_ECHO, .un.echo.id = 7, .un.echo.sequence = 1};
  unsigned char buf[100];
  struct sockaddr_in to = in(INADDR_LOOPBACK, 0), from;
  socklen_t n = sizeof from;
  request.checksum = (unsigned short)~(8 + 7 + 1);
  show("ping", sendto(fd, &request, sizeof request, 0, (void *)&to, 16));
  for (int i = 0; i < 3; i++) {
    int r = recvfrom(fd, buf, 100, MSG_DONTWAIT, (void *)&from, &n);
    if (r < 0) say("%s", errname(errno));
    else say("packet of %d, version %#x, protocol %d, TTL %d, type %d, from %#x", r, buf[0], buf[9], buf[8], buf[20],
             ntohl(from.sin_addr.s_addr));
  }
  show("without a target", send(fd, "x", 1, 0));
  show("bind", bind(fd, (void *)&to, 16));
  say("mask %#x", mask(fd));
  show("getpeername", getpeername(fd, (void *)&from, &n));
  int gone = must(socket(AF_INET, SOCK_RAW, 200));
  show("a protocol nobody has", sendto(gone, "abc", 3, 0, (void *)&to, 16));
  int six = must(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  unsigned char echo[8] = {128, 0, 0, 0, 0, 7, 0, 1};
  show("ping of IPv6", sendto(six, echo, 8, 0, (void *)&to6, sizeof to6));
  for (int i = 0; i < 3; i++) {
    int r = recv(six, buf, 100, MSG_DONTWAIT);
    if (r < 0) say("%s", errname(errno));
    else say("packet of %d, type %d", r, buf[0]);
  }
}

int main(void) {
  sending();
  errors();
  connected();
  corking();
  filling(1);
  filling(100);
  filling(1024);
  filling(4096);
  six();
  groups();
  raw();
  return 0;
}
