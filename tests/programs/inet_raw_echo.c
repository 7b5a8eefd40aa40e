/* Raw sockets: what the kernel answers to an echo request and what not, heads of the caller's own, and the interface that
 * a packet is to leave by. */
// needs: root
// differs: today the checksum of the answer is 0 where 3.2 says 0xffff, and nothing at all cannot be sent
#include "check.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in lo = { .sin_family = AF_INET };
static struct sockaddr_in6 lo6 = { .sin6_family = AF_INET6 };


static void seen(int fd, int skip) {
  unsigned char p[2000];
  long n;
  while ((n = recv(fd, p, sizeof p, MSG_DONTWAIT)) >= 0) {
    char text[400] = "", *to = text;
    for (long i = skip; i < n && i < skip + 100; i++) to += sprintf(to, "%02x", p[i]);
    if (skip) say("  %ld bytes, fragment %02x%02x, ttl %d tos %d: %s", n, p[6], p[7], p[8], p[1], text);
    else say("  %ld bytes: %s", n, text);
  }
}

static void echo(int fd, int size, int kind, unsigned sum) {
  unsigned char p[16] = { (unsigned char)kind };
  p[2] = (unsigned char)(sum >> 8), p[3] = (unsigned char)sum;
  show("sent", sendto(fd, p, (size_t)size, 0, (struct sockaddr *)&lo, sizeof lo));
  seen(fd, 20);
}

static void echoes(void) {
  int fd = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)), six = (int)must(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
  say("a request"), echo(fd, 8, 8, 0xf7ff);
  say("larger"), echo(fd, 12, 8, 0xf7ff);
  say("too short"), echo(fd, 7, 8, 0xf7ff);
  say("nothing"), echo(fd, 0, 8, 0);
  say("a wrong sum"), echo(fd, 8, 8, 0xf7fe);
  say("a reply"), echo(fd, 8, 0, 0xffff);
  for (int size = 8; size >= 4; size -= 1) {
    unsigned char p[8] = { 128 };
    say("IPv6, %d bytes", size);
    show("sent", sendto(six, p, (size_t)size, 0, (struct sockaddr *)&lo6, sizeof lo6));
    seen(six, 0);
  }
  close(fd), close(six);
}

static void heads(void) {
  int raw = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_RAW)), fd = (int)must(socket(AF_INET, SOCK_RAW, 200)), off = 0;
  unsigned char p[24] = { 0x45, 4, 0, 24, 0, 7, 0x40, 0, 33, 200, 0, 0, 127, 0, 0, 2, 127, 0, 0, 1, 'a', 'b', 'c', 'd' };
  say("a head of its own, not to be cut");
  must(sendto(raw, p, sizeof p, 0, (struct sockaddr *)&lo, sizeof lo)), seen(fd, 20);
  p[6] = 0;
  say("that may be cut");
  must(sendto(raw, p, sizeof p, 0, (struct sockaddr *)&lo, sizeof lo)), seen(fd, 20);
  show("half a head", sendto(raw, p, 19, 0, (struct sockaddr *)&lo, sizeof lo));
  say("without one");
  must(sendto(fd, "ab", 2, 0, (struct sockaddr *)&lo, sizeof lo)), seen(fd, 20);
  must(setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &off, sizeof off));
  must(sendto(fd, "cd", 2, 0, (struct sockaddr *)&lo, sizeof lo)), seen(fd, 20);
  int udp = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), of_udp = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
  struct sockaddr_in own = lo;
  own.sin_port = htons(5555);
  must(bind(udp, (struct sockaddr *)&own, sizeof own));
  say("a datagram");
  must(sendto(udp, "ab", 2, 0, (struct sockaddr *)&own, sizeof own)), seen(of_udp, 20);
  must(setsockopt(udp, IPPROTO_IP, IP_MTU_DISCOVER, &off, sizeof off));
  must(sendto(udp, "cd", 2, 0, (struct sockaddr *)&own, sizeof own)), seen(of_udp, 20);
  close(raw), close(fd), close(udp), close(of_udp);
}

/* What is said of datagrams to nobody. */
static void unreachable(void) {
  static char large[1400];
  int fd = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)), six = (int)must(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
  int udp = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), udp6 = (int)must(socket(AF_INET6, SOCK_DGRAM, 0));
  struct sockaddr_in to = lo, own = lo;
  struct sockaddr_in6 to6 = lo6, own6 = lo6;
  own.sin_port = own6.sin6_port = htons(5555);
  to.sin_port = to6.sin6_port = htons(5556);
  must(bind(udp, (struct sockaddr *)&own, sizeof own));
  must(bind(udp6, (struct sockaddr *)&own6, sizeof own6));
  say("to nobody");
  must(sendto(udp, "abc", 3, 0, (struct sockaddr *)&to, sizeof to)), seen(fd, 20);
  must(sendto(udp, large, sizeof large, 0, (struct sockaddr *)&to, sizeof to)), seen(fd, 20);
  say("of IPv6");
  must(sendto(udp6, "abc", 3, 0, (struct sockaddr *)&to6, sizeof to6)), seen(six, 0);
  must(sendto(udp6, large, sizeof large, 0, (struct sockaddr *)&to6, sizeof to6)), seen(six, 0);
  close(fd), close(six), close(udp), close(udp6);
}

static long with_interface(int fd, unsigned index) {
  union { char room[CMSG_SPACE(sizeof(struct in6_pktinfo))]; struct cmsghdr align; } control = { { 0 } };
  struct iovec iov = { "ab", 2 };
  struct msghdr m = { 0 };
  m.msg_name = &lo6, m.msg_namelen = sizeof lo6;
  m.msg_iov = &iov, m.msg_iovlen = 1;
  m.msg_control = control.room, m.msg_controllen = sizeof control.room;
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = IPPROTO_IPV6, c->cmsg_type = IPV6_PKTINFO, c->cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo));
  struct in6_pktinfo info = { .ipi6_ifindex = index };
  memcpy(CMSG_DATA(c), &info, sizeof info);
  return sendmsg(fd, &m, 0);
}

static void interfaces(void) {
  int fd = (int)must(socket(AF_INET6, SOCK_RAW, 200));
  unsigned index = if_nametoindex("lo");
  show("by lo", with_interface(fd, index));
  show("by one that is not there", with_interface(fd, index + 98));
  must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  show("bound to lo: by lo", with_interface(fd, index));
  show("by another", with_interface(fd, index + 98));
  close(fd);
}

int main(void) {
  lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  lo6.sin6_addr.s6_addr[15] = 1;
  echoes();
  heads();
  unreachable();
  interfaces();
  return 0;
}
