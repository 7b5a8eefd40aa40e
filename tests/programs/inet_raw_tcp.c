/* Raw sockets of TCP: what they see of connections, and what becomes of segments that they send. */
// differs: the loopback's packets, and so windows and the longest segment, have been larger since
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { PORT = 7777, OWN = 4321, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static struct sockaddr_in lo = { .sin_family = AF_INET };
static unsigned char p[4096];
static unsigned first[2];       /* of each direction */
static int raw;

static unsigned number(const unsigned char *at, int size) {
  unsigned n = 0;
  while (size--) n = n << 8 | *at++;
  return n;
}
static unsigned fold(unsigned sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}
static unsigned sum_of(const unsigned char *t, int size) {
  unsigned sum = 0x7f00 + 1 + 0x7f00 + 1 + 6 + (unsigned)size;
  for (int i = 0; i < size; i++) sum += i & 1 ? t[i] : t[i] * 256U;
  return fold(sum);
}

static void seen(const char *what) {
  long n;
  while ((n = recv(raw, p, sizeof p, MSG_DONTWAIT)) > 0) {
    unsigned char *t = p + 20;
    int head = (t[12] >> 4) * 4, to = number(t + 2, 2) == PORT, size = (int)n - 20;
    unsigned pseudo = 0xfe00 + 6 + (unsigned)size + 2;
    char options[128] = "", *at = options;
    for (int i = 20; i < head; i += t[i] == 1 ? 1 : t[i + 1]) {
      at += sprintf(at, " %d", t[i]);
      if (t[i] == 2) at += sprintf(at, "=%u", number(t + i + 2, 2));
      if (t[i] != 1 && t[i + 1] < 2) break;
    }
    if (t[13] & SYN) first[to] = number(t + 4, 4);
    say("%s: %s %ld bytes, fragment %02x%02x, ttl %d; head %d, flags %02x, seq %u ack %u, urgent %u, sum %s, options%s", what,
        to ? "to" : "from", n, p[6], p[7], p[8], head, t[13], number(t + 4, 4) - first[to], t[13] & ACK && first[!to] ? number(t + 8, 4) - first[!to] : number(t + 8, 4),
        number(t + 18, 2), sum_of(t, size) == 0xffff ? "right" : number(t + 16, 2) == pseudo ? "to be computed" : "wrong", options);
    if (t[13] & SYN) say("  window %u", number(t + 14, 2));
    if (size > head) say("  %.*s", size - head, t + head);
  }
}

/* A segment of the raw socket's own; numbers count from the first ones of each direction. */
static void send_segment(int from, int to, unsigned seq, unsigned ack, int flags, const char *data, int wrong) {
  unsigned char t[100] = { 0 };
  int size = 20 + (int)strlen(data);
  unsigned short ports[2] = { htons((unsigned short)from), htons((unsigned short)to) };
  unsigned numbers[2] = { htonl(seq), htonl(ack) };
  memcpy(t, ports, 4), memcpy(t + 4, numbers, 8);
  t[12] = 5 << 4, t[13] = (unsigned char)flags, t[14] = 16;
  memcpy(t + 20, data, strlen(data));
  unsigned sum = ~sum_of(t, size) & 0xffff;
  if (wrong) sum ^= 1;
  t[16] = (unsigned char)(sum >> 8), t[17] = (unsigned char)sum;
  must(sendto(raw, t, (size_t)size, 0, (struct sockaddr *)&lo, sizeof lo));
}

/* A SYN with options, as they are. */
static void send_options(const unsigned char *options, int size) {
  unsigned char t[60] = { OWN >> 8, OWN & 255, PORT >> 8, PORT & 255, 0, 0, 7 };
  t[12] = (unsigned char)((20 + size) / 4 << 4), t[13] = SYN, t[14] = 16;
  memcpy(t + 20, options, (size_t)size);
  unsigned sum = ~sum_of(t, 20 + size) & 0xffff;
  t[16] = (unsigned char)(sum >> 8), t[17] = (unsigned char)sum;
  must(sendto(raw, t, 20 + (size_t)size, 0, (struct sockaddr *)&lo, sizeof lo));
}

/* In the name of an address that is not here. */
static void send_from_afar(void) {
  int fd = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
  unsigned char t[40] = { 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 9, 127, 0, 0, 1, OWN >> 8, OWN & 255, (PORT + 1) >> 8, (PORT + 1) & 255 };
  t[32] = 5 << 4, t[33] = SYN;
  unsigned sum = 0xc000 + 0x209 + 0x7f00 + 1 + 6 + 20;
  for (int i = 20; i < 40; i += 2) sum += number(t + i, 2);
  sum = ~fold(sum) & 0xffff;
  t[36] = (unsigned char)(sum >> 8), t[37] = (unsigned char)sum;
  must(sendto(fd, t, sizeof t, 0, (struct sockaddr *)&lo, sizeof lo));
  close(fd);
}

static void connection(int l) {
  int c = (int)must(socket(AF_INET, SOCK_STREAM, 0));
  char b[100];
  must(connect(c, (struct sockaddr *)&lo, sizeof lo));
  int s = (int)must(accept(l, NULL, NULL));
  seen("connected");
  must(send(c, "hello", 5, 0));
  seen("sent");
  must(recv(s, b, sizeof b, 0));
  must(send(s, "answer", 6, 0));
  seen("answered");
  must(recv(c, b, sizeof b, 0));
  must(send(c, "!", 1, MSG_OOB));
  seen("urgent");
  must(shutdown(c, SHUT_WR));
  seen("shut down");
  must(close(s));
  seen("closed unread");
  close(c);
  c = (int)must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(c, (struct sockaddr *)&lo, sizeof lo));
  s = (int)must(accept(l, NULL, NULL));
  seen("another");
  close(c);
  seen("its end");
  close(s);
  seen("both ends");
}

static void injected(int l) {
  first[0] = first[1] = 0;
  send_segment(OWN, PORT + 1, 1000, 0, SYN, "", 0);
  seen("a SYN to nobody");
  send_segment(OWN, PORT + 1, 1000, 0, SYN, "", 1);
  seen("with a wrong sum");
  send_segment(OWN, PORT + 1, 1000, 500, ACK, "", 0);
  seen("an ACK to nobody");
  send_segment(OWN, PORT + 1, 1000, 500, RST, "", 0);
  seen("a RST to nobody");
  send_segment(OWN, PORT, 1000, 0, SYN, "", 0);
  seen("a SYN to who listens");
  static const unsigned char with[] = { 2, 4, 1, 0, 1, 3, 3, 2 }, without[] = { 2, 4, 1, 0, 0, 0, 0, 0 }, broken[] = { 2, 1, 1, 1 };
  static const unsigned char times[] = { 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0 };
  send_options(with, sizeof with);
  seen("with a scale");
  send_options(without, sizeof without);
  seen("with the longest segment");
  send_options(broken, sizeof broken);
  seen("with a broken option");
  send_options(times, sizeof times);
  seen("with times");
  static const unsigned char sack[] = { 4, 2, 1, 1 }, all[] = { 2, 4, 1, 0, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 2 };
  send_options(sack, sizeof sack);
  seen("with SACK");
  send_options(all, sizeof all);
  seen("with all");
  send_from_afar();
  seen("from afar");
  sleep_ms(20);
  int c = (int)must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(c, (struct sockaddr *)&lo, sizeof lo));
  int s = (int)must(accept(l, NULL, NULL)), e = 0;
  struct sockaddr_in own;
  socklen_t n = sizeof own, four = sizeof e;
  char b[100] = "";
  must(getsockname(c, (struct sockaddr *)&own, &n));
  seen("a connection");
  int port = ntohs(own.sin_port);
  send_segment(port, PORT, first[1] + 1, first[0] + 1, ACK | PSH, "forged", 0);
  seen("data in its name");
  show("received", recv(s, b, sizeof b, MSG_DONTWAIT));
  say("%s", b);
  send_segment(port, PORT, first[1] + 100007, 0, RST, "", 0);
  seen("a RST from outside the window");
  must(getsockopt(s, SOL_SOCKET, SO_ERROR, &e, &four));
  say("error %d", e);
  send_segment(port, PORT, first[1] + 7, 0, RST, "", 0);
  seen("a RST");
  must(getsockopt(s, SOL_SOCKET, SO_ERROR, &e, &four));
  say("error %d", e == ECONNRESET);
  close(s);
  show("the other end hears when it sends", send(c, "x", 1, 0));
  seen("what it sends");
  must(getsockopt(c, SOL_SOCKET, SO_ERROR, &e, &four));
  say("error %d", e == ECONNRESET);
  close(c);
}

/* IPv6: without the head of the packet. */
static void six(void) {
  struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int raw6 = (int)must(socket(AF_INET6, SOCK_RAW, IPPROTO_TCP)), l = (int)must(socket(AF_INET6, SOCK_STREAM, 0)), v6 = 1;
  must(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &v6, sizeof v6));
  must(bind(l, (struct sockaddr *)&a, sizeof a));
  must(listen(l, 1));
  int c = (int)must(socket(AF_INET6, SOCK_STREAM, 0));
  must(connect(c, (struct sockaddr *)&a, sizeof a));
  must(send(c, "hello", 5, 0));
  close(l);
  show("refused", connect(l = (int)must(socket(AF_INET6, SOCK_STREAM, 0)), (struct sockaddr *)&a, sizeof a) == -1 && errno == ECONNREFUSED);
  for (long n; (n = recv(raw6, p, sizeof p, MSG_DONTWAIT)) > 0;)
    say("%s %ld bytes, head %d, flags %02x, sum %s, window %u", number(p + 2, 2) == PORT ? "to" : "from", n, (p[12] >> 4) * 4, p[13],
        number(p + 16, 2) == 2 + 6 + n ? "to be computed" : "another", p[13] & SYN ? number(p + 14, 2) : 0);
  close(l), close(c), close(raw6);
}

int main(void) {
  raw = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
  int l = (int)must(socket(AF_INET, SOCK_STREAM, 0)), one = 1;
  lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  lo.sin_port = htons(PORT);
  must(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  must(bind(l, (struct sockaddr *)&lo, sizeof lo));
  must(listen(l, 5));
  connection(l);
  injected(l);
  six();
  return 0;
}
