/* Control messages of sendmsg on internet sockets: from where a datagram comes, its hops and class, and who ignores them.
 *
 * Linux 3.2 says otherwise than kernels of today: IP_TTL and IP_TOS are none of them.
 */
// differs: the host's have IP_TTL and IP_TOS, and it has more than a loopback
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#ifndef IPV6_FLOWINFO
#define IPV6_FLOWINFO 11
#endif
static char control[512];
static size_t used;

static void *add(int level, int type, size_t length) {
  struct cmsghdr *c = (void *)(control + used);
  c->cmsg_level = level, c->cmsg_type = type, c->cmsg_len = CMSG_LEN(length);
  used += CMSG_SPACE(length);
  return CMSG_DATA(c);
}
static void add_int(int level, int type, int value) { memcpy(add(level, type, 4), &value, 4); }

/* Send with the control messages that were added; 1 or -errno. */
static int sent(int fd, struct sockaddr *to, socklen_t len) {
  struct iovec v = {"x", 1};
  struct msghdr m = {.msg_name = to, .msg_namelen = len, .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = used};
  int n = (int)sendmsg(fd, &m, MSG_DONTWAIT);
  used = 0;
  return n < 0 ? -errno : n;
}

static struct sockaddr_in to4;
static struct sockaddr_in6 to6;
static int send4(int fd) { return sent(fd, (void *)&to4, sizeof to4); }
static int send6(int fd) { return sent(fd, (void *)&to6, sizeof to6); }

static void pktinfo(const char *address, int index) {
  struct in_pktinfo info = {.ipi_ifindex = index};
  inet_pton(AF_INET, address, &info.ipi_spec_dst);
  memcpy(add(IPPROTO_IP, IP_PKTINFO, sizeof info), &info, sizeof info);
}
static void pktinfo6(const char *address, int index) {
  struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)index};
  inet_pton(AF_INET6, address, &info.ipi6_addr);
  memcpy(add(IPPROTO_IPV6, IPV6_PKTINFO, sizeof info), &info, sizeof info);
}
static const char *sender(int fd) {
  static char text[50];
  struct sockaddr_in from = {0};
  socklen_t n = sizeof from;
  char c;
  if (recvfrom(fd, &c, 1, MSG_DONTWAIT, (void *)&from, &n) != 1) return "nothing";
  return inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
}

static void ipv4(void) {
  int a = must(socket(AF_INET, SOCK_DGRAM, 0)), b = must(socket(AF_INET, SOCK_DGRAM, 0)), bad = 77;
  socklen_t n = sizeof to4;
  to4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  must(bind(a, (void *)&to4, sizeof to4));
  must(getsockname(a, (void *)&to4, &n));
  printf("plain: %d", send4(b));
  printf(" from %s\n", sender(a));
  pktinfo("127.0.0.5", 0);
  printf("IP_PKTINFO: %d", send4(b));
  printf(" from %s\n", sender(a));
  pktinfo("127.0.0.6", 1);
  printf("IP_PKTINFO with lo: %d", send4(b));
  printf(" from %s\n", sender(a));
  pktinfo("0.0.0.0", 1);
  printf("IP_PKTINFO of no address: %d", send4(b));
  printf(" from %s\n", sender(a));
  pktinfo("192.0.2.1", 0);
  printf("not ours: %d\n", send4(b));
  pktinfo("127.0.0.1", 99);
  printf("no such interface: %d\n", send4(b));
  pktinfo("127.0.0.5", 0), pktinfo("127.0.0.7", 0);
  printf("twice: %d", send4(b));
  printf(" from %s\n", sender(a));
  add(IPPROTO_IP, IP_PKTINFO, 8);
  printf("short: %d\n", send4(b));
  add(IPPROTO_IP, IP_PKTINFO, 16);
  printf("long: %d\n", send4(b));
  add(IPPROTO_IP, 77, 4);
  printf("unknown: %d\n", send4(b));
  add_int(IPPROTO_IP, IP_TTL, 5);
  printf("IP_TTL: %d\n", send4(b));
  add_int(IPPROTO_IP, IP_TOS, 5);
  printf("IP_TOS: %d\n", send4(b));
  add_int(SOL_SOCKET, SCM_RIGHTS, bad);
  printf("a bad descriptor: %d", send4(b));
  printf(" from %s\n", sender(a));
  add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, 1000);
  printf("of another level: %d", send4(b));
  printf(" from %s\n", sender(a));
  ((struct cmsghdr *)(void *)control)->cmsg_len = 5, used = 16;
  printf("shorter than a head: %d\n", send4(b));
  add_int(SOL_SOCKET, 99, 0), ((struct cmsghdr *)(void *)control)->cmsg_len = 100;
  printf("longer than all: %d\n", send4(b));
  used = 15;
  printf("less than a head: %d", send4(b));
  printf(" from %s\n", sender(a));
  to4.sin_port = 0;
  add(IPPROTO_IP, 77, 4);
  printf("an address first: %d\n", send4(b));
  close(a), close(b);
}

static void received(int fd) {
  char c, room[200];
  struct iovec v = {&c, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  if (recvmsg(fd, &m, MSG_DONTWAIT) != 1) {
    printf(" nothing\n");
    return;
  }
  for (size_t at = 0; at + CMSG_LEN(4) <= m.msg_controllen; at += CMSG_SPACE(4)) {
    struct cmsghdr *h = (void *)(room + at);
    int value;
    memcpy(&value, CMSG_DATA(h), 4);
    printf(" %s %d", h->cmsg_type == IPV6_HOPLIMIT ? "hops" : h->cmsg_type == IPV6_TCLASS ? "class" : "?", value);
  }
  printf("\n");
}

static void ipv6(void) {
  int a = must(socket(AF_INET6, SOCK_DGRAM, 0)), b = must(socket(AF_INET6, SOCK_DGRAM, 0)), one = 1, hops = 9, more;
  socklen_t n = sizeof to6;
  to6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  must(bind(a, (void *)&to6, sizeof to6));
  must(getsockname(a, (void *)&to6, &n));
  must(setsockopt(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, 4));
  must(setsockopt(a, IPPROTO_IPV6, IPV6_RECVTCLASS, &one, 4));
  must(setsockopt(b, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, 4));
  printf("plain: %d", send6(b)), received(a);
  add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, 2);
  printf("hops: %d", send6(b)), received(a);
  add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, -1);
  printf("hops as ever: %d", send6(b)), received(a);
  add_int(IPPROTO_IPV6, 8, 255);
  printf("hops by the old name: %d", send6(b)), received(a);
  add_int(IPPROTO_IPV6, IPV6_TCLASS, 40), add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, 3);
  printf("both: %d", send6(b)), received(a);
  for (int v = -2; v <= 256; v += 258) {
    add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, v);
    printf("hops %d: %d", v, send6(b));
    add_int(IPPROTO_IPV6, IPV6_TCLASS, v);
    printf(" class: %d", send6(b));
    add_int(IPPROTO_IPV6, IPV6_DONTFRAG, v);
    printf(" dontfrag: %d\n", send6(b));
  }
  add_int(IPPROTO_IPV6, IPV6_DONTFRAG, 1);
  printf("dontfrag: %d", send6(b)), received(a);
  add(IPPROTO_IPV6, IPV6_HOPLIMIT, 8);
  printf("long: %d", send6(b));
  add(IPPROTO_IPV6, IPV6_TCLASS, 1);
  printf(" short: %d", send6(b));
  add(IPPROTO_IPV6, IPV6_PKTINFO, 19);
  printf(" and: %d", send6(b));
  add(IPPROTO_IPV6, IPV6_FLOWINFO, 3);
  printf(" flow: %d", send6(b));
  add(IPPROTO_IPV6, 77, 4);
  printf(" unknown: %d\n", send6(b));
  pktinfo6("::1", 0);
  printf("IPV6_PKTINFO: %d", send6(b)), received(a);
  pktinfo6("::", 1);
  printf("with lo: %d", send6(b)), received(a);
  pktinfo6("2001:db8::1", 0);
  printf("not ours: %d\n", send6(b));
  pktinfo6("::1", 99);
  printf("no such interface: %d\n", send6(b));
  pktinfo6("fe80::1", 0);
  printf("a link without interface: %d\n", send6(b));
  add_int(IPPROTO_IP, 77, 0);
  printf("of another level: %d", send6(b)), received(a);
  /* A cork keeps what the first piece said. */
  struct iovec v = {"y", 1};
  add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, 7);
  struct msghdr m = {.msg_name = &to6, .msg_namelen = sizeof to6, .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = used};
  more = (int)sendmsg(b, &m, MSG_MORE);
  used = 0;
  printf("corked: %d", more), printf(" %d", send6(b)), received(a);
  close(a), close(b);
  /* Others than datagrams. */
  int s = must(socket(AF_INET6, SOCK_STREAM, 0)), c = must(socket(AF_INET6, SOCK_STREAM, 0));
  must(listen(s, 1));
  n = sizeof to6;
  must(getsockname(s, (void *)&to6, &n));
  to6.sin6_addr = in6addr_loopback;
  must(connect(c, (void *)&to6, sizeof to6));
  add_int(IPPROTO_IPV6, 77, 0), add_int(SOL_SOCKET, SCM_RIGHTS, 77);
  printf("a stream: %d\n", sent(c, 0, 0));
  int raw = must(socket(AF_INET6, SOCK_RAW, 200)), other = must(socket(AF_INET6, SOCK_RAW, 200));
  must(setsockopt(raw, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, 4));
  must(setsockopt(raw, IPPROTO_IPV6, IPV6_RECVTCLASS, &one, 4));
  must(setsockopt(other, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, 4));
  to6.sin6_port = 0;
  printf("raw: %d", send6(other)), received(raw);
  add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, 5), add_int(IPPROTO_IPV6, IPV6_TCLASS, 6);
  printf("raw: %d", send6(other)), received(raw);
  raw = must(socket(AF_INET, SOCK_RAW, 200)), other = must(socket(AF_INET, SOCK_RAW, 200));
  add(IPPROTO_IP, 77, 4);
  printf("raw, unknown: %d\n", send4(other));
  pktinfo("127.0.0.9", 0);
  printf("raw: %d", send4(other));
  printf(" from %s\n", sender(raw));
}

int main(void) {
  ipv4();
  ipv6();
  return 0;
}
