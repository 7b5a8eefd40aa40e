/* Options of IP, IPv6 and UDP, with values, lengths and kinds of sockets that they have and that they have not. */
// needs: root
// differs: later kernels know more options, and ask for more of their lengths
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const char *short_name(int e) {
  return e == ENOPROTOOPT ? "ENOPROTOOPT" : e == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : e == EADDRINUSE ? "EADDRINUSE" : e == ENOTCONN ? "ENOTCONN"
    : e == ENOBUFS ? "ENOBUFS" : e == EPROTO ? "EPROTO" : e ? errname(e) : "ok";
}
static int family, type, protocol;

/* The value afterwards, as far as there is one. */
static const char *value_of(int fd, int level, int option) {
  static char text[40];
  int value = 0;
  socklen_t n = sizeof value;
  if (getsockopt(fd, level, option, &value, &n)) return short_name(errno);
  snprintf(text, sizeof text, n == 4 ? "%d" : "%d in %u", value, n);
  return text;
}
static void try_all(int level, int option) {
  static const struct { int value; socklen_t size; } with[] = { { 0, 4 }, { 1, 4 }, { -1, 4 }, { -2, 4 }, { 3, 4 }, { 4, 4 }, { 255, 4 }, { 256, 4 }, { 1279, 4 }, { 1280, 4 }, { 2, 1 }, { 2, 3 }, { 2, 0 } };
  char line[900] = "", *to = line;
  int fd = (int)must(socket(family, type, protocol));
  int before = 1;
  for (unsigned i = 0; i < sizeof with / sizeof with[0]; i++) {
    int value = with[i].value;
    int e = setsockopt(fd, level, option, &value, with[i].size) ? errno : 0;
    if (e == ENOPROTOOPT && i == 0) { before = 0; break; }
    to += sprintf(to, " %d/%u:%s", value, with[i].size, e ? short_name(e) : value_of(fd, level, option));
  }
  char bytes[4] = { 9, 9, 9, 9 };
  socklen_t one = 1, none = 0, minus = (socklen_t)-1;
  int a = getsockopt(fd, level, option, bytes, &one) ? errno : 0, b = getsockopt(fd, level, option, bytes, &none) ? errno : 0;
  int c = getsockopt(fd, level, option, bytes, &minus) ? errno : 0;
  if (before || a != ENOPROTOOPT) say("%d%s: short %s %u %d, none %s, less %s", option, before ? line : " ENOPROTOOPT", short_name(a), one, bytes[0], short_name(b), short_name(c));
  show("  no address", setsockopt(fd, level, option, NULL, 4) == -1 ? errno == EFAULT ? EFAULT : errno == ENOPROTOOPT ? 0 : -2 : 1);
  close(fd);
}

static void kinds(const char *what, int f, int t, int p) {
  static const int ip[] = { 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 32, 33, 34, 49, 51 };
  static const int ip6[] = { 16, 17, 18, 19, 23, 24, 25, 26, 49, 51, 66, 67, 99 };
  say("-- %s", what);
  family = f, type = t, protocol = p;
  for (unsigned i = 0; i < sizeof ip / sizeof ip[0]; i++) try_all(IPPROTO_IP, ip[i]);
  say("of IPv6");
  for (unsigned i = 0; i < sizeof ip6 / sizeof ip6[0]; i++) try_all(IPPROTO_IPV6, ip6[i]);
  say("of TCP and UDP");
  try_all(IPPROTO_TCP, 1), try_all(IPPROTO_TCP, 6), try_all(IPPROTO_UDP, 1), try_all(IPPROTO_UDP, 99);
}
static void result(const char *what, int r) { say("%s: %s", what, r ? short_name(errno) : "ok"); }

static void groups(int t) {
  struct { struct in_addr group, address; int index; } m = { { inet_addr("224.1.2.3") }, { htonl(INADDR_LOOPBACK) }, 0 };
  int fd = (int)must(socket(AF_INET, t, t == SOCK_RAW ? 200 : 0));
  say("-- groups of %s", t == SOCK_DGRAM ? "UDP" : t == SOCK_STREAM ? "TCP" : "raw sockets");
  result("join", setsockopt(fd, 0, 35, &m, 8));
  result("again", setsockopt(fd, 0, 35, &m, 8));
  result("by a number too", setsockopt(fd, 0, 35, &m, 12));
  m.group.s_addr = inet_addr("127.0.0.1");
  result("no group", setsockopt(fd, 0, 35, &m, 8));
  m.group.s_addr = inet_addr("224.1.2.4");
  result("short", setsockopt(fd, 0, 35, &m, 7));
  m.index = 99;
  result("no such interface", setsockopt(fd, 0, 35, &m, 12));
  m.address.s_addr = inet_addr("10.1.2.3");
  result("no such address", setsockopt(fd, 0, 35, &m, 8));
  m.address.s_addr = 0, m.index = 0;
  result("any interface", setsockopt(fd, 0, 35, &m, 12));
  result("leave one of which it is none", setsockopt(fd, 0, 36, &m, 8));
  result("leave short", setsockopt(fd, 0, 36, &m, 7));
  m.group.s_addr = inet_addr("224.1.2.3"), m.index = 77;
  result("leave at another interface", setsockopt(fd, 0, 36, &m, 12));
  m.index = 0;
  result("leave", setsockopt(fd, 0, 36, &m, 12));
  m.address.s_addr = htonl(INADDR_LOOPBACK);
  int i;
  for (i = 0; i < 40; i++) {
    m.group.s_addr = htonl((224 << 24) + 512 + (unsigned)i);
    if (setsockopt(fd, 0, 35, &m, 8)) break;
  }
  say("%d groups, then %s", i, short_name(errno));
  struct in_addr a = { htonl(INADDR_LOOPBACK) };
  result("sends at", setsockopt(fd, 0, 32, &a, 4));
  a.s_addr = 0;
  socklen_t n = 4;
  result("is told", getsockopt(fd, 0, 32, &a, &n));
  say("%s", inet_ntoa(a));
  result("with three bytes", setsockopt(fd, 0, 32, &a, 3));
  a.s_addr = inet_addr("10.2.3.4");
  result("at no address of ours", setsockopt(fd, 0, 32, &a, 4));
  m.index = 88;
  result("at no interface", setsockopt(fd, 0, 32, &m, 12));
  m.index = 0, m.address.s_addr = 0;
  result("anywhere", setsockopt(fd, 0, 32, &m, 12));
  result("anywhere, without the number", setsockopt(fd, 0, 32, &m, 8));
  close(fd);
}
static void groups6(int t) {
  struct { struct in6_addr group; int index; } m;
  int fd = (int)must(socket(AF_INET6, t, t == SOCK_RAW ? 200 : 0));
  say("-- groups of IPv6");
  inet_pton(AF_INET6, "ff02::1234", &m.group), m.index = 99;
  result("no such interface", setsockopt(fd, 41, 20, &m, 20));
  result("short", setsockopt(fd, 41, 20, &m, 19));
  result("leave", setsockopt(fd, 41, 21, &m, 20));
  result("leave short", setsockopt(fd, 41, 21, &m, 19));
  m.group = in6addr_loopback;
  result("no group", setsockopt(fd, 41, 20, &m, 20));
  int none = 99, zero = 0;
  result("sends at no interface", setsockopt(fd, 41, 17, &none, 4));
  result("anywhere", setsockopt(fd, 41, 17, &zero, 4));
  close(fd);
}

static void others(void) {
  char options[44] = { 1, 1, 1, 0 }, b[44];
  socklen_t n = sizeof b;
  int fd = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), value;
  say("-- others");
  result("options", setsockopt(fd, 0, IP_OPTIONS, options, 44));
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9) };
  n = 4;
  result("no MTU yet", getsockopt(fd, 0, IP_MTU, &value, &n));
  must(connect(fd, (struct sockaddr *)&a, sizeof a));
  result("the MTU", getsockopt(fd, 0, IP_MTU, &value, &n));
  say("%d", value);
  n = 1;
  result("does not fit into a byte", getsockopt(fd, 0, IP_MTU, &value, &n));
  say("%u", n);
  close(fd);
  fd = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), value = 4, n = 4;
  result("an unknown encapsulation", setsockopt(fd, IPPROTO_UDP, 100, &value, 4));
  value = 0;
  result("none", setsockopt(fd, IPPROTO_UDP, 100, &value, 4));
  result("asked", getsockopt(fd, IPPROTO_UDP, 100, &value, &n));
  say("%d", value);
  result("options of none", setsockopt(fd, 0, IP_OPTIONS, options, 0));
  result("options", setsockopt(fd, 0, IP_OPTIONS, options, 4));
  n = 44;
  result("are told", getsockopt(fd, 0, IP_OPTIONS, b, &n));
  say("%u: %d %d %d %d", n, b[0], b[1], b[2], b[3]);
  n = 2;
  result("in part", getsockopt(fd, 0, IP_OPTIONS, b, &n));
  say("%u", n);
  close(fd);
  fd = (int)must(socket(AF_INET6, SOCK_DGRAM, 0)), value = 1, n = 4;
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(9) };
  result("no MTU yet", getsockopt(fd, 41, 24, &value, &n));
  must(connect(fd, (struct sockaddr *)&six, sizeof six));
  result("the MTU", getsockopt(fd, 41, 24, &value, &n));
  say("%d", value);
  result("for IPv6 alone, too late", setsockopt(fd, 41, IPV6_V6ONLY, &value, 4));
  close(fd);
  fd = (int)must(socket(AF_INET, SOCK_STREAM, 0)), n = 4;
  result("a level of nobody", setsockopt(fd, 77, 1, &value, 4));
  result("asked", getsockopt(fd, 77, 1, &value, &n));
  result("an option of IPv6", setsockopt(fd, 41, IPV6_V6ONLY, &value, 4));
  result("asked", getsockopt(fd, 41, IPV6_V6ONLY, &value, &n));
  close(fd);
  fd = (int)must(socket(AF_INET6, SOCK_STREAM, 0));
  result("a level of nobody", setsockopt(fd, 77, 1, &value, 4));
  result("asked", getsockopt(fd, 77, 1, &value, &n));
  close(fd);
  fd = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)), value = 0x11223344, n = 4;
  result("the filter of ICMP", setsockopt(fd, IPPROTO_RAW, 1, &value, 2));
  value = -1;
  result("asked", getsockopt(fd, IPPROTO_RAW, 1, &value, &n));
  say("%#x", value);
  result("another", setsockopt(fd, IPPROTO_RAW, 2, &value, 4));
  result("asked", getsockopt(fd, IPPROTO_RAW, 2, &value, &n));
  close(fd);
  fd = (int)must(socket(AF_INET, SOCK_RAW, 200));
  result("of another protocol", setsockopt(fd, IPPROTO_RAW, 1, &value, 4));
  result("asked", getsockopt(fd, IPPROTO_RAW, 1, &value, &n));
  close(fd);
}
static void user(void) {
  int fd = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), value = 1;
  must(setresuid(1000, 1000, 1000));
  say("-- a user");
  result("transparent", setsockopt(fd, 0, 19, &value, 4));
  result("freely bound", setsockopt(fd, 0, 15, &value, 4));
}

int main(void) {
  kinds("TCP", AF_INET, SOCK_STREAM, 0);
  kinds("UDP", AF_INET, SOCK_DGRAM, 0);
  kinds("raw", AF_INET, SOCK_RAW, 200);
  kinds("TCP over IPv6", AF_INET6, SOCK_STREAM, 0);
  kinds("UDP over IPv6", AF_INET6, SOCK_DGRAM, 0);
  kinds("raw over IPv6", AF_INET6, SOCK_RAW, 200);
  groups(SOCK_DGRAM), groups(SOCK_STREAM), groups(SOCK_RAW);
  groups6(SOCK_DGRAM), groups6(SOCK_STREAM);
  others();
  user();
  return 0;
}
