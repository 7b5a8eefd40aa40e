/* raw_peer.h: a raw socket plays the other end of TCP connections.
 *
 * Somebody listens at the player's port, with a filter that takes nothing, so that nobody else answers.
 */
#ifndef RAW_PEER_H
#define RAW_PEER_H
#include "check.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { PORT = 7070, OWN = 4000, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

static struct sockaddr_in lo = { .sin_family = AF_INET };
static unsigned char p[70000];
static int raw, own;                            /* the player's port */
static unsigned isn, theirs, window = 4096;     /* where the streams begin, the player's and the kernel's */

static unsigned number(const unsigned char *at, int size) {
  unsigned n = 0;
  while (size--) n = n << 8 | *at++;
  return n;
}
static struct sockaddr_in at(int port) {
  struct sockaddr_in a = lo;
  a.sin_port = htons((unsigned short)port);
  return a;
}

/* A segment of the player's, of numbers that count from the first ones. */
static void put_with(const unsigned char *options, int length, unsigned seq, unsigned ack, int flags, int urgent, const char *data, int size) {
  static unsigned char t[2000];
  memset(t, 0, 60);
  int head = 20 + length, all = head + size;
  unsigned short ports[2] = { htons((unsigned short)own), htons(PORT) };
  unsigned numbers[2] = { htonl(isn + seq), flags & ACK ? htonl(theirs + ack) : 0 };
  memcpy(t, ports, 4), memcpy(t + 4, numbers, 8), memcpy(t + 20, options, (size_t)length);
  t[12] = (unsigned char)(head / 4 << 4), t[13] = (unsigned char)flags, t[14] = (unsigned char)(window >> 8), t[15] = (unsigned char)window;
  t[18] = (unsigned char)(urgent >> 8), t[19] = (unsigned char)urgent;
  memcpy(t + head, data, (size_t)size);
  unsigned sum = 2 * (0x7f00 + 1) + 6 + (unsigned)all;
  for (int i = 0; i < all; i++) sum += i & 1 ? t[i] : t[i] * 256U;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum & 0xffff;
  t[16] = (unsigned char)(sum >> 8), t[17] = (unsigned char)sum;
  must(sendto(raw, t, (size_t)all, 0, (struct sockaddr *)&lo, sizeof lo));
}
static inline void put(unsigned seq, unsigned ack, int flags, const char *data) { put_with(p, 0, seq, ack, flags, 0, data, (int)strlen(data)); }

/* What the kernel has sent to the player. */
static inline int heard(const char *what) {
  int some = 0;
  for (long n; (n = recv(raw, p, sizeof p, MSG_DONTWAIT)) > 0;) {
    unsigned char *t = p + 20;
    int head = (t[12] >> 4) * 4, flags = t[13];
    if (number(t + 2, 2) != (unsigned)own || number(t, 2) != PORT) continue;
    if (flags & SYN) theirs = number(t + 4, 4);
    say("%s: flags %02x seq %d ack %d window %u, head %d, %ld bytes%s", what, flags, number(t + 4, 4) ? (int)(number(t + 4, 4) - theirs) : 0,
        flags & ACK ? (int)(number(t + 8, 4) - isn) : 0, number(t + 14, 2), head, n - 20 - head, flags & URG ? ", urgent" : "");
    some = 1;
  }
  if (!some) say("%s: nothing", what);
  return some;
}

/* Somebody who takes nothing, so that no segment to the player's port is answered. */
static void guard(void) {
  static struct sock_filter none[] = { { 6, 0, 0, 0 } };
  struct sock_fprog program = { 1, none };
  struct sockaddr_in a = at(++own);
  int g = (int)must(socket(AF_INET, SOCK_STREAM, 0));
  must(bind(g, (struct sockaddr *)&a, sizeof a));
  must(setsockopt(g, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
  must(listen(g, 1));
  while (recv(raw, p, sizeof p, MSG_DONTWAIT) > 0) continue;
  isn += 1000000;
}

static int l;                                  /* who listens at PORT */
/* The player calls. */
static inline int opened(const char *what) {
  guard();
  say("-- %s", what);
  put(0, 0, SYN, "");
  heard("a SYN");
  put(1, 1, ACK, "");
  return (int)must(accept(l, NULL, NULL));
}
static inline void state(int fd) {
  struct tcp_info i;
  socklen_t n = sizeof i, four = 4;
  int e = 0, unread = 0;
  struct pollfd f = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0 };
  must(poll(&f, 1, 0));
  must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &n));
  ioctl(fd, FIONREAD, &unread);
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &four));
  say("  state %u, poll %#x, %d to be read, error %s", i.tcpi_state, f.revents, unread, e == ECONNRESET ? "ECONNRESET" : e ? errname(e) : "none");
}
static inline void read_of(int fd, const char *what) {
  char b[300] = "";
  long n = recv(fd, b, sizeof b - 1, MSG_DONTWAIT);
  if (n < 0) say("%s: %s", what, errno == ECONNRESET ? "ECONNRESET" : errname(errno));
  else say("%s: %ld \"%s\"", what, n, b);
}

/* The kernel calls the player. */
static inline int calling(const char *what) {
  guard();
  say("-- %s", what);
  struct sockaddr_in a = at(PORT), to = at(own);
  int c = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)), one = 1;
  must(setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  must(bind(c, (struct sockaddr *)&a, sizeof a));
  if (connect(c, (struct sockaddr *)&to, sizeof to) == 0 || errno != EINPROGRESS) say("FAILED %d", errno);
  heard("called");
  return c;
}
static void begin(void) {
  lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  own = OWN;
  raw = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
  struct sockaddr_in a = at(PORT);
  l = (int)must(socket(AF_INET, SOCK_STREAM, 0));
  int one = 1;
  must(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  must(bind(l, (struct sockaddr *)&a, sizeof a));
  must(listen(l, 5));
}
#endif
