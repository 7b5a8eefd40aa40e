/* Raw sockets of UDP and TCP: what they see and send has the protocol's own head. Numbers of protocols that are none.
 *
 * Linux 3.2 says otherwise than kernels of today: any number is a protocol, of which 16 bits are the socket's name and
 * the lowest 8 are sent.
 */
// differs: today a protocol's number ends at 255
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

static struct sockaddr_in lo = {.sin_family = AF_INET};
static unsigned char packet[100];

static void seen(int fd) {
  unsigned char buf[200];
  int n = (int)recv(fd, buf, sizeof buf, MSG_DONTWAIT);
  if (n < 0) {
    printf(" -%d\n", errno);
    return;
  }
  printf(" %d:", n);
  for (int i = 20; i < n; i++) printf(" %02x", buf[i]);
  printf("\n");
}

/* A datagram from port 1234; sum: 0 for none. */
static int datagram(int fd, int port, int length, unsigned short sum, int size) {
  struct udphdr h = {.uh_sport = htons(1234), .uh_dport = htons((unsigned short)port), .uh_ulen = htons((unsigned short)length), .uh_sum = sum};
  memcpy(packet, &h, 8);
  memcpy(packet + 8, "abcdefgh", 8);
  return (int)sendto(fd, packet, (size_t)size, 0, (void *)&lo, sizeof lo);
}
static unsigned short right_sum(int port, int length) {
  unsigned sum = 0x7f00 + 1 + 0x7f00 + 1 + 17 + (unsigned)length + 1234 + (unsigned)port + (unsigned)length;
  for (int i = 0; i < length - 8; i += 2) sum += (unsigned)('a' + i) * 256 + (unsigned)('b' + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((unsigned short)~sum);
}
static void got(int fd) {
  char buf[50];
  struct sockaddr_in from;
  socklen_t n = sizeof from;
  int count = (int)recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&from, &n);
  if (count < 0) printf(" -%d\n", errno);
  else printf(" %d %.*s from %d\n", count, count, buf, ntohs(from.sin_port));
}

static void udp(void) {
  int raw = must(socket(AF_INET, SOCK_RAW, IPPROTO_UDP)), a = must(socket(AF_INET, SOCK_DGRAM, 0)), b = must(socket(AF_INET, SOCK_DGRAM, 0));
  lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK), lo.sin_port = htons(5000);
  must(bind(a, (void *)&lo, sizeof lo));
  lo.sin_port = htons(1000);
  must(bind(b, (void *)&lo, sizeof lo));
  lo.sin_port = htons(5000);
  must(sendto(b, "xyz", 3, 0, (void *)&lo, sizeof lo));
  printf("seen:"), seen(raw);
  printf("and received:"), got(a);
  lo.sin_port = 0;
  printf("no sum: %d", datagram(raw, 5000, 12, 0, 12)), got(a);
  printf("seen:"), seen(raw);
  printf("right sum: %d", datagram(raw, 5000, 12, right_sum(5000, 12), 12)), got(a);
  printf("wrong sum: %d", datagram(raw, 5000, 12, 99, 12)), got(a);
  printf("padded: %d", datagram(raw, 5000, 10, 0, 16)), got(a);
  printf("too long: %d", datagram(raw, 5000, 17, 0, 16)), got(a);
  printf("too short: %d", datagram(raw, 5000, 7, 0, 16)), got(a);
  printf("half a head: %d", datagram(raw, 5000, 8, 0, 7)), got(a);
  printf("nothing: %d", datagram(raw, 5000, 8, 0, 8)), got(a);
  printf("to nobody: %d", datagram(raw, 5001, 12, 0, 12)), got(a);
  int one = 1, e;
  socklen_t n = 4;
  must(getsockopt(raw, SOL_SOCKET, SO_ERROR, &e, &n));
  printf("error %d\n", e);
  must(setsockopt(raw, IPPROTO_IP, IP_RECVERR, &one, 4));
  close(raw), close(a), close(b);
}

static void numbers(void) {
  static const int protocols[] = {255, 256, 300, 65536 + 200, 65535, 0x7fffffff, -1, 65536, -256};
  for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
    int fd = socket(AF_INET, SOCK_RAW, protocols[i]), fd6 = socket(AF_INET6, SOCK_RAW, protocols[i]), protocol = -1;
    printf("%d: %d", protocols[i], fd < 0 ? -errno : 0);
    if (fd >= 0) {
      struct sockaddr_in name = {0};
      struct sockaddr_in6 name6 = {0};
      socklen_t n = sizeof name, n6 = sizeof name6, four = 4;
      must(getsockname(fd, (void *)&name, &n));
      must(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &four));
      printf(" name %d protocol %d", ntohs(name.sin_port), protocol);
      if (fd6 >= 0) {
        must(getsockname(fd6, (void *)&name6, &n6));
        printf(" %d", ntohs(name6.sin6_port));
      }
      int other = socket(AF_INET, SOCK_RAW, protocol);
      if (other >= 0 && protocol && protocol != 255) {
        printf(" sent %d", (int)sendto(fd, "abcd", 4, 0, (void *)&lo, sizeof lo));
        seen(other);
      } else {
        printf("\n");
      }
      close(other);
    } else {
      printf("\n");
    }
    close(fd), close(fd6);
  }
}

static void sizes(void) {
  static char big[65536];
  int raw = must(socket(AF_INET, SOCK_RAW, 200)), raw6 = must(socket(AF_INET6, SOCK_RAW, 200)), most = 200000;
  struct sockaddr_in6 lo6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  must(setsockopt(raw, SOL_SOCKET, SO_SNDBUF, &most, 4));
  must(setsockopt(raw6, SOL_SOCKET, SO_SNDBUF, &most, 4));
  for (size_t n = 65514; n <= 65536; n++) {
    if (n > 65517 && n < 65534) continue;
    int sent = (int)sendto(raw, big, n, 0, (void *)&lo, sizeof lo), error = errno;
    printf("%zu: %d", n, sent < 0 ? -error : sent);
    sent = (int)recv(raw, big, sizeof big, MSG_DONTWAIT);
    printf(" %d", sent);
    sent = (int)sendto(raw6, big, n, 0, (void *)&lo6, sizeof lo6), error = errno;
    printf(" IPv6: %d\n", sent < 0 ? -error : sent);
    recv(raw6, big, sizeof big, MSG_DONTWAIT);
  }
}

int main(void) {
  udp();
  numbers();
  sizes();
  return 0;
}
