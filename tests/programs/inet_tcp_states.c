/* TCP over the loopback: connecting, accepting, closing, resetting, and what poll says of each state.
 *
 * Linux 3.2 says otherwise than kernels of today: a full queue lets three more connections in than its backlog says, a
 * reset of who has shut down is EPIPE, and an orphan's FIN_WAIT2 is no less than 60 s.
 */
// differs: later kernels let fewer into a full queue, and answer otherwise after resets
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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
static int client(int l, int flags) {
  struct sockaddr_in a = name_of(l);
  int fd = must(socket(AF_INET, SOCK_STREAM | flags, 0));
  if (connect(fd, (void *)&a, sizeof a) && errno != EINPROGRESS) say("connect: %s", errname(errno));
  return fd;
}
static void pair(int fd[2]) {
  int l = listener(5);
  fd[0] = client(l, 0);
  fd[1] = must(accept(l, 0, 0));
  must(close(l));
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
static int state(int fd) {
  struct tcp_info i;
  socklen_t n = sizeof i;
  must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &n));
  return i.tcpi_state;
}
#define STATE(what, fd) say("%s: mask %#x, state %d", what, mask(fd), state(fd))

static volatile int pipes, urgs, alarms;
static void count(int sig) {
  if (sig == SIGPIPE) pipes++;
  if (sig == SIGURG) urgs++;
  if (sig == SIGALRM) alarms++;
}

static void fresh(void) {
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  char b[4];
  STATE("fresh", fd);
  show("recv of a fresh one", recv(fd, b, 4, 0));
  show("send of a fresh one", send(fd, b, 4, MSG_NOSIGNAL));
  show("shutdown of a fresh one", shutdown(fd, SHUT_RDWR));
  show("shutdown 3", shutdown(fd, 3));
  show("accept of a fresh one", accept(fd, 0, 0));
  show("listen without a name", listen(fd, 3));
  say("has a port now: %d", name_of(fd).sin_port != 0);
  STATE("listening", fd);
  show("recv of a listener", recv(fd, b, 4, 0));
  struct sockaddr_in a = name_of(fd);
  show("connect of a listener", connect(fd, (void *)&a, sizeof a));
  show("accept4 with flags", accept4(-1, 0, 0, 1));
  must(fcntl(fd, F_SETFL, O_NONBLOCK));
  show("accept with nothing there", accept(fd, 0, 0));
  int c = client(fd, 0);
  STATE("listening, one waits", fd);
  say("in the queue %d", mask(c));
  must(close(fd));
  STATE("the client of a closed listener", c);
  show("read", read(c, b, 4));
  STATE("after that", c);
  show("read", read(c, b, 4));
}

static void refused(void) {
  int l = listener(1);
  struct sockaddr_in a = name_of(l);
  must(close(l));
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  show("refused", connect(fd, (void *)&a, sizeof a));
  say("address %#x, port kept %d", ntohl(name_of(fd).sin_addr.s_addr), name_of(fd).sin_port != 0);
  STATE("after a refusal", fd);
  show("again", connect(fd, (void *)&a, sizeof a));
  must(fcntl(fd, F_SETFL, O_NONBLOCK));
  show("nonblocking", connect(fd, (void *)&a, sizeof a));
  STATE("refused", fd);
  show("connect again", connect(fd, (void *)&a, sizeof a));
  show("and again", connect(fd, (void *)&a, sizeof a));
  say("SO_ERROR %d", so_error(fd));
  show("connect after SO_ERROR", connect(fd, (void *)&a, sizeof a));
  show("and after that", connect(fd, (void *)&a, sizeof a));
  say("SO_ERROR %d", so_error(fd));
  must(close(fd));
}

static void nonblocking(void) {
  int l = listener(1);
  struct sockaddr_in a = name_of(l);
  int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  show("nonblocking connect", connect(fd, (void *)&a, sizeof a));
  STATE("on its way", fd);
  show("second connect", connect(fd, (void *)&a, sizeof a));
  show("third connect", connect(fd, (void *)&a, sizeof a));
  show("with a short address", connect(fd, (void *)&a, 1));
  char b[4];
  show("nothing to read", read(fd, b, 4));
  show("read of 0 bytes", recv(fd, b, 0, 0));
}

static void closing(void) {
  int fd[2];
  char b[16];
  pair(fd);
  STATE("established", fd[0]);
  must(write(fd[1], "abc", 3));
  STATE("with data", fd[0]);
  must(shutdown(fd[1], SHUT_WR));
  STATE("peer has shut down", fd[0]);
  STATE("who has", fd[1]);
  show("write to who has", write(fd[0], "x", 1));
  show("write of who has", send(fd[1], "x", 1, MSG_NOSIGNAL));
  show("read", read(fd[0], b, 16));
  show("read", read(fd[0], b, 16));
  must(shutdown(fd[0], SHUT_WR));
  STATE("both have", fd[0]);
  STATE("and the other", fd[1]);
  show("read", read(fd[1], b, 16));
  show("read", read(fd[1], b, 16));
  show("shutdown again", shutdown(fd[1], SHUT_WR));
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  show("getpeername", getpeername(fd[0], (void *)&a, &n));
  close(fd[0]);
  close(fd[1]);

  pair(fd);
  must(shutdown(fd[0], SHUT_RD));
  STATE("own side does not receive", fd[0]);
  show("the peer writes", write(fd[1], "abc", 3));
  show("and it is read", read(fd[0], b, 16));
  show("then", read(fd[0], b, 16));
  close(fd[0]);
  close(fd[1]);
}

static void resets(void) {
  int fd[2];
  char b[16];
  pair(fd);
  must(close(fd[1]));
  STATE("peer has closed", fd[0]);
  show("one write succeeds", write(fd[0], "x", 1));
  STATE("and resets", fd[0]);
  pipes = 0;
  show("the next", write(fd[0], "x", 1));
  show("and one of nothing", write(fd[0], "x", 0));
  say("SIGPIPE %d", pipes);
  show("read", read(fd[0], b, 16));
  close(fd[0]);

  pair(fd);
  must(write(fd[0], "unread", 6));
  must(write(fd[1], "abc", 3));
  must(close(fd[1]));
  STATE("peer closed with unread data", fd[0]);
  show("read what was sent", read(fd[0], b, 16));
  show("read", read(fd[0], b, 16));
  show("read", read(fd[0], b, 16));
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  show("getpeername", getpeername(fd[0], (void *)&a, &n));
  close(fd[0]);

  pair(fd);
  must(write(fd[0], "unread", 6));
  must(close(fd[1]));
  pipes = 0;
  show("write after a reset", write(fd[0], "x", 1));
  say("SIGPIPE %d", pipes);
  show("and then", write(fd[0], "x", 1));
  say("SIGPIPE %d", pipes);
  close(fd[0]);

  pair(fd);
  struct linger l = {1, 0};
  must(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &l, sizeof l));
  must(close(fd[1]));
  STATE("linger of no time", fd[0]);
  say("SO_ERROR %d", so_error(fd[0]));
  STATE("after that", fd[0]);
  close(fd[0]);

  pair(fd);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  show("disconnect", connect(fd[1], &none, sizeof none));
  STATE("who has", fd[1]);
  say("SO_ERROR %d", so_error(fd[1]));
  STATE("the other", fd[0]);
  show("and both are read", read(fd[0], b, 16));
  show("by whom", read(fd[1], b, 16));
  n = sizeof a;
  must(getsockname(fd[1], (void *)&a, &n));
  say("name %#x", ntohl(a.sin_addr.s_addr));
  close(fd[0]);
  close(fd[1]);
}

static void backlog(void) {
  int l = listener(0), c[6];
  for (int i = 0; i < 6; i++) {
    c[i] = client(l, SOCK_NONBLOCK);
    say("connect %d: mask %#x, state %d", i, mask(c[i]), state(c[i]));
  }
  must(close(must(accept(l, 0, 0))));
  say("one taken");
  int d = client(l, SOCK_NONBLOCK);
  say("mask %#x", mask(d));
  show("shutdown of a listener", shutdown(l, SHUT_WR));
  show("the other way", shutdown(l, SHUT_RD));
  show("accept", accept(l, 0, 0));
  STATE("a shut listener", l);
  show("listen again", listen(l, 1));
  for (int i = 1; i < 4; i++) say("%d: mask %#x", i, mask(c[i]));
  for (int i = 0; i < 6; i++) close(c[i]);
  close(d);
  close(l);
}

static void self(void) {
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  must(bind(fd, (void *)&a, sizeof a));
  a = name_of(fd);
  show("to oneself", connect(fd, (void *)&a, sizeof a));
  STATE("self", fd);
  char b[8];
  show("write", write(fd, "abc", 3));
  show("read", read(fd, b, 8));
  show("shutdown", shutdown(fd, SHUT_WR));
  STATE("self, shut", fd);
  show("read", read(fd, b, 8));
}

static void *shut_later(void *fd) {
  sleep_ms(20);
  shutdown((int)(long)fd, SHUT_RDWR);
  return 0;
}

static void woken(void) {
  int fd[2];
  char b[8];
  pthread_t t;
  pair(fd);
  pthread_create(&t, 0, shut_later, (void *)(long)fd[0]);
  show("a reader whose socket is shut down", read(fd[0], b, 8));
  pthread_join(t, 0);
  int l = listener(1);
  pthread_create(&t, 0, shut_later, (void *)(long)l);
  show("an accept", accept(l, 0, 0));
  pthread_join(t, 0);
  close(fd[0]);
  close(fd[1]);
  pair(fd);
  struct sigaction act = {.sa_handler = count};
  sigaction(SIGALRM, &act, 0);
  struct itimerval soon = {.it_value.tv_usec = 20000};
  setitimer(ITIMER_REAL, &soon, 0);
  show("a reader and a signal", read(fd[0], b, 8));
  struct timeval tv = {0, 20000};
  must(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  show("a reader and its time", read(fd[0], b, 8));
  act.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &act, 0);
  tv.tv_sec = 5;
  must(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  setitimer(ITIMER_REAL, &soon, 0);
  show("a signal that restarts, with a time", read(fd[0], b, 8));
  must(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 20000}, sizeof tv));
  must(listen(l, 1));
  show("accept and its time", accept(l, 0, 0));
}

int main(void) {
  signal(SIGPIPE, count);
  fresh();
  refused();
  nonblocking();
  closing();
  resets();
  backlog();
  self();
  woken();
  return 0;
}
