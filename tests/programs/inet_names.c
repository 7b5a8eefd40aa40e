/* Sockets of AF_INET and AF_INET6: which there are, whose address they may have, and where they may go.
 *
 * Linux 3.2 refuses any protocol it does not know with EPROTONOSUPPORT, 256 and -1 too, has no ping sockets of IPv6, and
 * looks at the port of an IPv6 address before the address. A machine whose only interface is the loopback.
 */
// differs: later kernels know ping sockets of IPv6, refuse wrong protocols otherwise, and hosts have more than a loopback
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static union name {
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
} u;
static socklen_t len;

static void v4(const char *address, int port) {
  memset(&u, 0, sizeof u);
  u.in.sin_family = AF_INET;
  u.in.sin_port = htons(port);
  inet_pton(AF_INET, address, &u.in.sin_addr);
  len = sizeof u.in;
}
static void v6(const char *address, int port) {
  memset(&u, 0, sizeof u);
  u.in6.sin6_family = AF_INET6;
  u.in6.sin6_port = htons(port);
  inet_pton(AF_INET6, address, &u.in6.sin6_addr);
  len = sizeof u.in6;
}
static void to(const char *address, int port) {
  if (strchr(address, ':')) v6(address, port);
  else v4(address, port);
}
static int sock(const char *address, int type) { return must(socket(strchr(address, ':') ? AF_INET6 : AF_INET, type, 0)); }
static void print_name(const char *what, int (*get)(int, struct sockaddr *, socklen_t *), int fd) {
  char text[64] = "";
  union name n;
  socklen_t l = sizeof n;
  if (get(fd, (void *)&n, &l)) {
    say("%s: %s", what, errname(errno));
    return;
  }
  inet_ntop(n.in.sin_family, n.in.sin_family == AF_INET ? (void *)&n.in.sin_addr : (void *)&n.in6.sin6_addr, text, 64);
  say("%s: %s, a port %d, length %d", what, text, n.in.sin_port != 0, l);
}
static int port_of(int fd) {
  union name n;
  socklen_t l = sizeof n;
  must(getsockname(fd, (void *)&n, &l));
  return ntohs(n.in.sin_port);
}

static void creating(void) {
  static const int kinds[][3] = {{2, 1, 0}, {2, 1, 6}, {2, 1, 17}, {2, 1, 256}, {2, 1, -1}, {2, 2, 0}, {2, 2, 17},
    {2, 2, 136}, {2, 2, 6}, {2, 2, 1}, {2, 3, 0}, {2, 3, 1}, {2, 3, 255}, {2, 4, 0}, {2, 5, 0}, {2, 0, 0}, {10, 1, 0},
    {10, 2, 0}, {10, 2, 58}, {10, 2, 136}, {10, 3, 58}, {10, 3, 0}, {10, 5, 0}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int fd = socket(kinds[i][0], kinds[i][1], kinds[i][2]), p = 0, d = 0;
    socklen_t n = 4;
    if (fd != -1) getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &p, &n);
    if (fd != -1) getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &d, &n);
    say("socket %d %d %d: %s, %d, %d", kinds[i][0], kinds[i][1], kinds[i][2], fd == -1 ? errname(errno) : "ok", d, p);
    if (fd != -1) close(fd);
  }
  int fd[2];
  show("socketpair", socketpair(AF_INET, SOCK_STREAM, 0, fd));
}

static void binds(int type) {
  static const struct { const char *address; int port, length; } names[] = {{"127.0.0.1", 0, 0}, {"127.9.8.7", 0, 0},
    {"127.0.0.0", 0, 0}, {"127.255.255.255", 0, 0}, {"224.0.0.1", 0, 0}, {"255.255.255.255", 0, 0}, {"10.0.0.1", 0, 0},
    {"0.0.0.0", 0, 0}, {"127.0.0.1", 0, 15}, {"::1", 0, 0}, {"::", 0, 0}, {"::ffff:127.0.0.1", 0, 0},
    {"::ffff:10.0.0.1", 0, 0}, {"2001::1", 0, 0}, {"fe80::1", 0, 0}, {"ff02::1", 0, 0}, {"::1", 0, 23}, {"::1", 0, 24}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int fd = sock(names[i].address, type);
    char text[60];
    to(names[i].address, names[i].port);
    if (names[i].length) len = names[i].length;
    snprintf(text, 60, "type %d, bind %s, %d", type, names[i].address, len);
    if (bind(fd, (void *)&u, len)) say("%s: %s", text, errname(errno));
    else print_name(text, getsockname, fd);
    close(fd);
  }
  int fd = sock("0", type);
  v6("::1", 0);
  show("the other family", bind(fd, (void *)&u, len));
  u.in.sin_family = AF_UNSPEC;
  u.in.sin_addr.s_addr = 0;
  show("AF_UNSPEC", bind(fd, (void *)&u, sizeof u.in));
  show("twice", bind(fd, (void *)&u, sizeof u.in));
  close(fd);
  fd = sock("::", type);
  v4("127.0.0.1", 0);
  show("IPv4 for IPv6, 16", bind(fd, (void *)&u, 16));
  show("IPv4 for IPv6, 28", bind(fd, (void *)&u, 28));
  close(fd);
}

static void sharing(int type) {
  static const char *addresses[] = {"0.0.0.0", "127.0.0.1", "127.0.0.2", "::", "::1", "::ffff:127.0.0.1"};
  static const char *how[] = {"plain", "reuse", "reuse, listening", "one reuse", "V6ONLY"};
  int on = 1;
  for (int h = 0; h < 5; h++) {
    if (h == 2 && type != SOCK_STREAM) continue;
    for (int i = 0; i < 6; i++) {
      char row[8] = "";
      for (int j = 0; j < 6; j++) {
        int a = sock(addresses[i], type), b = sock(addresses[j], type);
        if (h && h < 4) must(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, 4));
        if (h && h < 3) must(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, 4));
        if (h == 4) setsockopt(a, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4);
        to(addresses[i], 0);
        row[j] = '-';
        if (!bind(a, (void *)&u, len)) {
          if (h == 2) must(listen(a, 1));
          to(addresses[j], port_of(a));
          row[j] = bind(b, (void *)&u, len) ? errno == EADDRINUSE ? 'x' : '?' : '.';
        }
        close(a);
        close(b);
      }
      say("type %d, %s, %s: %s", type, how[h], addresses[i], row);
    }
  }
}

static void targets(int type) {
  static const char *addresses[] = {"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "10.0.0.1",
    "2001::1", "::ffff:10.0.0.1", "224.0.0.1", "127.0.0.0", "127.255.255.255", "255.255.255.255", "fe80::1", "ff02::1"};
  int six = must(socket(AF_INET6, type, 0)), port;
  v6("::", 0);
  must(bind(six, (void *)&u, len));
  if (type == SOCK_STREAM) must(listen(six, 20));
  port = port_of(six);
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    int fd = sock(addresses[i], type);
    char text[60];
    to(addresses[i], port);
    snprintf(text, 60, "type %d, connect %s", type, addresses[i]);
    if (connect(fd, (void *)&u, len)) say("%s: %s", text, errname(errno));
    else {
      print_name(text, getsockname, fd);
      print_name("  the other end", getpeername, fd);
      if (type == SOCK_STREAM) {
        union name n;
        socklen_t l = sizeof n;
        char who[64];
        int s = must(accept(six, (void *)&n, &l));
        say("  accepted from %s, length %d", inet_ntop(AF_INET6, &n.in6.sin6_addr, who, 64), l);
        close(s);
      }
    }
    close(fd);
  }
  int fd = must(socket(AF_INET, type, 0)), on = 1;
  to("127.0.0.1", 0);
  show("port 0", connect(fd, (void *)&u, len));
  show("15 bytes", connect(fd, (void *)&u, 15));
  close(fd);
  fd = must(socket(AF_INET6, type, 0));
  show("IPv4 from IPv6", connect(fd, (void *)&u, len));
  v6("::1", port);
  show("23 bytes", connect(fd, (void *)&u, 23));
  show("24 bytes", connect(fd, (void *)&u, 24));
  close(fd);
  fd = must(socket(AF_INET6, type, 0));
  must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4));
  v6("::ffff:127.0.0.1", port);
  show("mapped from V6ONLY", connect(fd, (void *)&u, len));
  close(fd);
  fd = must(socket(AF_INET, type, 0));
  v4("127.0.0.3", 0);
  must(bind(fd, (void *)&u, len));
  v4("127.0.0.1", port);
  show("from another address", connect(fd, (void *)&u, len));
  print_name("  it", getsockname, fd);
  close(fd);
}

static void privileges(void) {
  unsigned h[2] = {0x20080522, 0}, d[6] = {0};
  int fd = sock("0", SOCK_STREAM), six = sock("::", SOCK_STREAM);
  must(syscall(SYS_capset, h, d));
  v4("127.0.0.1", 80);
  show("port 80 without capabilities", bind(fd, (void *)&u, len));
  v4("10.0.0.1", 80);
  show("somebody else's port 80", bind(fd, (void *)&u, len));
  v6("2001::1", 80);
  show("somebody else's port 80, IPv6", bind(six, (void *)&u, len));
  show("raw", socket(AF_INET, SOCK_RAW, 1));
  show("raw without a protocol", socket(AF_INET, SOCK_RAW, 0));
  int mark = 1;
  show("mark", setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, 4));
}

int main(void) {
  creating();
  binds(SOCK_STREAM);
  binds(SOCK_DGRAM);
  sharing(SOCK_STREAM);
  sharing(SOCK_DGRAM);
  targets(SOCK_STREAM);
  targets(SOCK_DGRAM);
  privileges();
  return 0;
}
