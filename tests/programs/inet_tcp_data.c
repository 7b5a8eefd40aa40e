/* TCP over the loopback: what is read and written, urgent bytes, options, and what fits into the buffers.
 *
 * Linux 3.2 says otherwise than kernels of today: TCP_INFO has 104 bytes, no option above 18 is known, and the loopback's
 * packets carry 16384 bytes.
 */
// differs: later kernels know more options, have larger loopback packets and other buffers
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif
#define SIOCOUTQ_ 0x5411
#define SIOCOUTQNSD_ 0x894b

static char big[1 << 20];

static void pair(int fd[2]) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  int l = must(socket(AF_INET, SOCK_STREAM, 0));
  must(bind(l, (void *)&a, sizeof a));
  must(listen(l, 5));
  must(getsockname(l, (void *)&a, &n));
  fd[0] = must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(fd[0], (void *)&a, sizeof a));
  fd[1] = must(accept(l, 0, 0));
  must(close(l));
}
static int mask(int fd) {
  struct pollfd p = {.fd = fd, .events = 0x7fff};
  must(poll(&p, 1, 0));
  return p.revents;
}
static int number(int fd, unsigned long request) {
  int n = -1;
  if (ioctl(fd, request, &n)) return -errno;
  return n;
}
static void done(int fd[2]) {
  close(fd[0]);
  close(fd[1]);
}

static volatile int urgs;
static void count(int sig) { urgs += sig == SIGURG; }

static void urgent(int in_line) {
  int fd[2];
  char b[32];
  say("urgent, inline %d", in_line);
  pair(fd);
  must(setsockopt(fd[1], SOL_SOCKET, SO_OOBINLINE, &in_line, 4));
  must(fcntl(fd[1], F_SETOWN, getpid()));
  urgs = 0;
  show("no urgent byte", recv(fd[1], b, 1, MSG_OOB));
  show("send", send(fd[0], "abc", 3, 0));
  show("send urgently", send(fd[0], "de", 2, MSG_OOB));
  show("send", send(fd[0], "fgh", 3, 0));
  say("SIGURG %d, mask %#x, mark %d, FIONREAD %d", urgs, mask(fd[1]), number(fd[1], SIOCATMARK), number(fd[1], FIONREAD));
  show("peek", recv(fd[1], b, 1, MSG_OOB | MSG_PEEK));
  show("read up to the mark", recv(fd[1], b, 32, 0));
  say("mask %#x, mark %d, FIONREAD %d", mask(fd[1]), number(fd[1], SIOCATMARK), number(fd[1], FIONREAD));
  struct iovec v = {b, 8};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  show("the byte", recvmsg(fd[1], &m, MSG_OOB));
  say("flags %#x, %c", m.msg_flags, b[0]);
  show("once more", recv(fd[1], b, 1, MSG_OOB));
  say("mask %#x, mark %d", mask(fd[1]), number(fd[1], SIOCATMARK));
  show("read on", recv(fd[1], b, 32, 0));
  say("%c, mask %#x, mark %d", b[0], mask(fd[1]), number(fd[1], SIOCATMARK));
  show("two urgent bytes", send(fd[0], "x", 1, MSG_OOB));
  show("two urgent bytes", send(fd[0], "y", 1, MSG_OOB));
  say("SIGURG %d", urgs);
  show("read", recv(fd[1], b, 32, MSG_DONTWAIT));
  show("the second", recv(fd[1], b, 1, MSG_OOB | MSG_DONTWAIT));
  done(fd);
}

static void reading(void) {
  int fd[2];
  char b[64];
  pair(fd);
  must(write(fd[0], "0123456789", 10));
  show("peek", recv(fd[1], b, 64, MSG_PEEK));
  show("truncate", recv(fd[1], b, 3, MSG_TRUNC));
  show("read", recv(fd[1], b, 3, 0));
  say("%.3s", b);
  int low = 6;
  must(setsockopt(fd[1], SOL_SOCKET, SO_RCVLOWAT, &low, 4));
  say("lowat: mask %#x", mask(fd[1]));
  show("nonblocking below it", recv(fd[1], b, 64, MSG_DONTWAIT));
  must(write(fd[0], "0123456789", 10));
  say("lowat: mask %#x", mask(fd[1]));
  show("error queue is ignored", recv(fd[1], b, 2, MSG_ERRQUEUE));
  struct timeval tv = {0, 30000};
  must(setsockopt(fd[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  show("WAITALL and a time", recv(fd[1], b, 64, MSG_WAITALL));
  show("nothing", recv(fd[1], b, 64, MSG_WAITALL));
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  must(write(fd[0], "01", 2));
  show("recvfrom", recvfrom(fd[1], b, 64, 0, (void *)&a, &n));
  say("length of the address %d", n);
  show("a bad address", recv(fd[1], (void *)8, 1, MSG_DONTWAIT));
  must(write(fd[0], "01", 2));
  show("a bad address with data", recv(fd[1], (void *)8, 1, MSG_DONTWAIT));
  show("it is still there", recv(fd[1], b, 64, 0));
  show("send from a bad address", send(fd[0], (void *)8, 1, 0));
  say("nothing sent: %d", number(fd[0], SIOCOUTQ_));
  show("sendto with an address", sendto(fd[0], "abc", 3, 0, (void *)8, 0));
  show("two pieces", recv(fd[1], b, 2, 0));
  show("the rest", recv(fd[1], b, 2, 0));
  done(fd);
}

static void holding_back(void) {
  int fd[2], on = 1, off = 0;
  char b[64];
  pair(fd);
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_CORK, &on, 4));
  must(write(fd[0], "abc", 3));
  say("corked: %#x, not sent %d, not acknowledged %d", mask(fd[1]), number(fd[0], SIOCOUTQNSD_), number(fd[0], SIOCOUTQ_));
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_CORK, &off, 4));
  say("uncorked: %#x, not sent %d", mask(fd[1]), number(fd[0], SIOCOUTQNSD_));
  show("read", read(fd[1], b, 64));
  must(send(fd[0], "abc", 3, MSG_MORE));
  say("MSG_MORE: %#x", mask(fd[1]));
  must(send(fd[0], "def", 3, 0));
  show("and the rest", read(fd[1], b, 64));
  must(send(fd[0], "abc", 3, MSG_MORE));
  sleep_ms(300);
  show("after 300 ms", recv(fd[1], b, 64, MSG_DONTWAIT));
  sleep_ms(300);
  // Nagle: a second small segment waits for the first one's acknowledgement.
  for (int i = 0; i < 20; i++) {
    must(write(fd[0], "x", 1));
    must(read(fd[1], b, 64));
  }
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &on, 4));
  for (int i = 0; i < 3; i++) must(write(fd[0], "x", 1));
  say("no delay: FIONREAD %d", number(fd[1], FIONREAD));
  done(fd);
}

static void options(void) {
  static const struct { int level, name; } all[] = {{6, 1}, {6, 2}, {6, 3}, {6, 4}, {6, 5}, {6, 6}, {6, 7}, {6, 8}, {6, 9},
    {6, 10}, {6, 12}, {6, 16}, {6, 17}, {6, 18}, {6, 19}, {6, 23}, {6, 25}, {6, 99}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 6},
    {0, 7}, {0, 8}, {0, 10}, {0, 11}, {0, 12}, {0, 13}, {0, 14}, {0, 15}, {0, 18}, {0, 19}, {0, 20}, {0, 21}, {0, 22},
    {0, 32}, {0, 33}, {0, 34}, {0, 49}, {0, 99}, {41, 16}, {41, 17}, {41, 18}, {41, 19}, {41, 23}, {41, 24}, {41, 25},
    {41, 26}, {41, 49}, {41, 51}, {41, 66}, {41, 67}, {17, 1}, {7, 1}};
  static const int values[] = {0, 1, 2, 3, -1, 60, 61, 87, 88, 127, 128, 255, 256, 32767, 32768};
  for (int kind = 0; kind < 4; kind++) {
    int fd = must(socket(kind & 2 ? AF_INET6 : AF_INET, kind & 1 ? SOCK_DGRAM : SOCK_STREAM, 0));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
      if (all[i].level == 41 && all[i].name == 17) continue;
      char line[400] = "";
      int n, v = -7;
      socklen_t l = 4;
      int r = getsockopt(fd, all[i].level, all[i].name, &v, &l);
      n = snprintf(line, sizeof line, "kind %d, level %d, option %d: ", kind, all[i].level, all[i].name);
      if (r) n += snprintf(line + n, sizeof line - n, "%s", errname(errno));
      else n += snprintf(line + n, sizeof line - n, "%d (%d)", v, l);
      for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
        if (all[i].level == 0 && (all[i].name == 4 || all[i].name == 5 || all[i].name == 32)) break;
        if (setsockopt(fd, all[i].level, all[i].name, &values[j], 4)) n += snprintf(line + n, sizeof line - n, " %d", errno);
        else {
          l = 4;
          v = -7;
          getsockopt(fd, all[i].level, all[i].name, &v, &l);
          n += snprintf(line + n, sizeof line - n, " =%d", v);
        }
      }
      setsockopt(fd, all[i].level, all[i].name, "\1\1\1\1", 0);
      say("%s, short %d", line, setsockopt(fd, all[i].level, all[i].name, values, 2) ? errno : 0);
    }
    close(fd);
  }
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  char name[16] = "?";
  socklen_t l = 16;
  must(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  must(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &l));
  say("congestion %s, %d", name, l);
  show("unknown congestion", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7));
  show("set TCP_INFO", setsockopt(fd, IPPROTO_TCP, TCP_INFO, name, 4));
  show("a negative length", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, name, -1));
  show("a bad pointer", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, (void *)8, 4));
  l = 1;
  char ttl = 0;
  must(getsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, &l));
  say("a byte of TTL: %d, %d", ttl, l);
  close(fd);
}

static void info(void) {
  int fd[2];
  pair(fd);
  for (int i = 0; i < 2; i++) {
    struct { unsigned char b[8]; unsigned u[24]; } t;
    socklen_t l = sizeof t;
    memset(&t, 0xee, sizeof t);
    must(getsockopt(fd[i], IPPROTO_TCP, TCP_INFO, &t, &l));
    say("info of %d: length %d, state %d, options %d, rto %u, mss %u %u, pmtu %u, ssthresh %u, rtt %u, %u, cwnd %u,"
        " advmss %u, reordering %u, space %u, retrans %u", i, l, t.b[0], t.b[5], t.u[0], t.u[2], t.u[3], t.u[13], t.u[14],
        t.u[15], t.u[17], t.u[18], t.u[19], t.u[20], t.u[22], t.u[23]);
    int v;
    l = 4;
    must(getsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &v, &l));
    say("send buffer %d", v);
    must(getsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &v, &l));
    say("receive buffer %d", v);
    must(getsockopt(fd[i], IPPROTO_TCP, TCP_MAXSEG, &v, &l));
    say("MAXSEG %d", v);
  }
  done(fd);
}

static void filling(size_t chunk) {
  int fd[2], n, reads = 0;
  long total = 0;
  pair(fd);
  must(fcntl(fd[0], F_SETFL, O_NONBLOCK));
  while ((n = write(fd[0], big, chunk)) > 0) total += n;
  // How much the sender keeps depends on the memory of the machine.
  if (chunk > 4096) total = 0;
  say("writes of %zu: %s after %ld, %d of them there, mask %#x", chunk, errname(errno), total, number(fd[1], FIONREAD), mask(fd[0]));
  while (!(mask(fd[0]) & POLLOUT) && reads < 1000) {
    must(read(fd[1], big, 4096));
    reads++;
  }
  if (chunk <= 4096) say("room after %d reads of 4096", reads);
  done(fd);
}

static void inherited(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  int l = must(socket(AF_INET, SOCK_STREAM, 0)), on = 1, size = 20000, idle = 99;
  struct linger lin = {1, 3};
  struct timeval tv = {1, 0};
  must(bind(l, (void *)&a, sizeof a));
  must(getsockname(l, (void *)&a, &n));
  must(setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &on, 4));
  must(setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &on, 4));
  must(setsockopt(l, IPPROTO_TCP, TCP_KEEPIDLE, &idle, 4));
  must(setsockopt(l, SOL_SOCKET, SO_SNDBUF, &size, 4));
  must(setsockopt(l, SOL_SOCKET, SO_RCVBUF, &size, 4));
  must(setsockopt(l, SOL_SOCKET, SO_LINGER, &lin, sizeof lin));
  must(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  must(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, 4));
  must(setsockopt(l, SOL_SOCKET, SO_OOBINLINE, &on, 4));
  must(listen(l, 5));
  must(fcntl(l, F_SETFL, O_NONBLOCK));
  int c = must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(c, (void *)&a, n));
  int s = must(accept(l, 0, 0));
  static const int asked[][2] = {{6, TCP_NODELAY}, {1, SO_KEEPALIVE}, {6, TCP_KEEPIDLE}, {1, SO_SNDBUF}, {1, SO_RCVBUF},
    {1, SO_LINGER}, {1, SO_RCVTIMEO}, {1, SO_REUSEADDR}, {1, SO_OOBINLINE}, {1, SO_ACCEPTCONN}};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    int v[4] = {-1, -1, -1, -1};
    socklen_t len = sizeof v;
    must(getsockopt(s, asked[i][0], asked[i][1], v, &len));
    say("inherited %d %d: %d %d, length %d", asked[i][0], asked[i][1], v[0], v[1], len);
  }
  say("O_NONBLOCK %d", !!(must(fcntl(s, F_GETFL)) & O_NONBLOCK));
}

int main(void) {
  signal(SIGURG, count);
  urgent(0);
  urgent(1);
  reading();
  holding_back();
  options();
  info();
  inherited();
  filling(1024);
  filling(4096);
  filling(65536);
  filling(1 << 20);
  return 0;
}
