/* TCP over the loopback: what time does to connections. Times are told in whole seconds, or as shorter than 0.1 s.
 *
 * Linux 3.2 gives a SYN up after 63 s where later kernels take 127 s, forgets who waits in FIN_WAIT2 after 60 s, and lets
 * a connection into a full queue when its SYN-ACK is sent again.
 */
// differs: later kernels have other times, and let fewer into a full queue
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char big[1 << 20];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static const char *took(double since) {
  static char text[8][20];
  static int next;
  char *t = text[next++ % 8];
  double d = now() - since;
  if (d > 58 && d < 63) snprintf(t, 20, "after a minute");
  else snprintf(t, 20, d < 0.1 ? "at once" : "after %.1f s", d);
  return t;
}
static struct sockaddr_in name_of(int fd) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  must(getsockname(fd, (void *)&a, &n));
  return a;
}
static int listener(int backlog) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  must(bind(fd, (void *)&a, sizeof a));
  must(listen(fd, backlog));
  return fd;
}
static void pair(int fd[2]) {
  int l = listener(5);
  struct sockaddr_in a = name_of(l);
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

static void syn(int tries) {
  int l = listener(0), c[3];
  struct sockaddr_in a = name_of(l);
  for (int i = 0; i < 3; i++) {
    c[i] = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect(c[i], (void *)&a, sizeof a));
  }
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  double t = now();
  // Later than the others, whose SYN-ACKs are sent again first.
  sleep_ms(50);
  t = now();
  if (tries) must(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, 4));
  struct timeval tv = {0, 500000};
  if (tries) must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  int r = connect(fd, (void *)&a, sizeof a);
  say("a full queue, %d tries: %s %s", tries, r ? errname(errno) : "ok", took(t));
  if (tries) {
    tv.tv_usec = 0;
    must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
    r = connect(fd, (void *)&a, sizeof a);
    say("and waiting on: %s %s", r ? errname(errno) : "ok", took(t));
  }
  close(l);
}

static void time_wait(void) {
  int fd[2], on = 1;
  pair(fd);
  struct sockaddr_in a = name_of(fd[0]), peer = name_of(fd[1]);
  close(fd[0]);
  close(fd[1]);
  int b = must(socket(AF_INET, SOCK_STREAM, 0));
  must(bind(b, (void *)&(struct sockaddr_in){.sin_family = AF_INET}, sizeof a));
  close(b);
  double t = now();
  b = must(socket(AF_INET, SOCK_STREAM, 0));
  show("bind to the port of one that waits", bind(b, (void *)&a, sizeof a));
  must(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, 4));
  show("with REUSEADDR, which that had not", bind(b, (void *)&a, sizeof a));
  show("who closed last has left its port", bind(must(socket(AF_INET, SOCK_STREAM, 0)), (void *)&peer, sizeof peer));
  while (bind(b, (void *)&a, sizeof a)) sleep(1);
  say("the port is free %s", took(t));
  close(b);
}

static void fin_wait2(void) {
  int fd[2];
  char b[8];
  pair(fd);
  struct sockaddr_in a = name_of(fd[0]);
  close(fd[0]);
  double t = now();
  sleep(2);
  int s = must(socket(AF_INET, SOCK_STREAM, 0));
  show("an orphan keeps its port", bind(s, (void *)&a, sizeof a));
  while (bind(s, (void *)&a, sizeof a)) sleep(1);
  say("for long: %s", took(t));
  show("the other end", recv(fd[1], b, 8, MSG_DONTWAIT));
  show("writes", write(fd[1], "x", 1));
  show("and again", send(fd[1], "x", 1, MSG_NOSIGNAL));
  close(fd[1]);
  close(s);
}

static void keepalive(void) {
  int fd[2], on = 1, idle = 2, interval = 1, count = 2;
  pair(fd);
  must(setsockopt(fd[0], SOL_SOCKET, SO_KEEPALIVE, &on, 4));
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_KEEPIDLE, &idle, 4));
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_KEEPINTVL, &interval, 4));
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_KEEPCNT, &count, 4));
  sleep(20);
  say("one that lives: %#x", mask(fd[0]));
  show("nothing was read", recv(fd[1], &on, 4, MSG_DONTWAIT));
  close(fd[0]);
  close(fd[1]);
}

static void zero_window(void) {
  int fd[2], n;
  long total = 0;
  pair(fd);
  must(fcntl(fd[0], F_SETFL, O_NONBLOCK));
  while ((n = write(fd[0], big, 4096)) > 0) total += n;
  say("full: %#x", mask(fd[0]));
  sleep(100);
  say("after 100 s: %#x", mask(fd[0]));
  close(fd[0]);
  while ((n = read(fd[1], big, sizeof big)) > 0) total -= n;
  say("all of it came: %ld, %d", total, n);
  close(fd[1]);
}

static void linger(int seconds, int full) {
  int fd[2], n;
  struct linger l = {1, seconds};
  pair(fd);
  must(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l, sizeof l));
  must(fcntl(fd[0], F_SETFL, O_NONBLOCK));
  while (full && (n = write(fd[0], big, 65536)) > 0) continue;
  double t = now();
  int r = close(fd[0]);
  say("linger %d, full %d: %d %s", seconds, full, r, took(t));
  close(fd[1]);
}

static void *reader(void *fd) {
  long total = 0;
  int n;
  sleep(1);
  while ((n = read((int)(long)fd, big + 65536, 65536)) > 0) total += n;
  say("read %ld, %d", total, n);
  return 0;
}

static void blocking(void) {
  int fd[2];
  pthread_t t;
  pair(fd);
  pthread_create(&t, 0, reader, (void *)(long)fd[1]);
  double since = now();
  show("a write of a million bytes", write(fd[0], big, 1000000));
  say("%s", took(since));
  close(fd[0]);
  pthread_join(t, 0);
  pair(fd);
  struct timeval tv = {2, 0};
  must(setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  since = now();
  long n = write(fd[0], big, 1000000);
  say("with a time: some %d %s", n > 100000 && n < 1000000, took(since));
}

static void deferred(void) {
  int l = listener(5), v = 1;
  struct sockaddr_in a = name_of(l);
  must(setsockopt(l, IPPROTO_TCP, TCP_DEFER_ACCEPT, &v, 4));
  int c = must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(c, (void *)&a, sizeof a));
  say("deferred: %#x, the client %#x", mask(l), mask(c));
  must(write(c, "x", 1));
  say("with data: %#x", mask(l));
  close(must(accept(l, 0, 0)));
  int d = must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(d, (void *)&a, sizeof a));
  double t = now();
  struct pollfd p = {.fd = l, .events = POLLIN};
  must(poll(&p, 1, 10000));
  say("without: %#x, %s", p.revents, now() - t > 0.9 && now() - t < 2.1 ? "after more than a second" : "?");
}

static void user_timeout(void) {
  int fd[2], v = 5000;
  char b[4];
  pair(fd);
  int l = listener(0);
  close(l);
  must(setsockopt(fd[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &v, 4));
  show("nothing happens", write(fd[0], "x", 1));
  sleep(10);
  show("to one who lives", write(fd[0], "x", 1));
  show("read", read(fd[1], b, 4));
}

int main(void) {
  syn(0);
  syn(2);
  time_wait();
  fin_wait2();
  keepalive();
  zero_window();
  linger(3, 0);
  linger(3, 1);
  linger(0, 1);
  blocking();
  deferred();
  user_timeout();
  return 0;
}
