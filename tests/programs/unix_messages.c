/* Local sockets: several messages with one call, sockets that only hold each other, limits of queues, sockets in sockets. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
// needs: root
// differs: later kernels have other counts, an urgent byte for streams, and a limit of sockets on their way

static char *bad;
static int sv[2];

static const char *err(int e) {
  switch (e) {
  case ENOTCONN: return "ENOTCONN"; case ECONNREFUSED: return "ECONNREFUSED"; case ETOOMANYREFS: return "ETOOMANYREFS";
  case EMSGSIZE: return "EMSGSIZE"; case ECONNRESET: return "ECONNRESET"; default: return errname(e);
  }
}
static long tell(const char *what, long result) {
  if (result == -1) say("%s: %s", what, err(errno));
  else say("%s: %ld", what, result);
  return result;
}

/* sendmmsg, recvmmsg. */

static struct mmsghdr mm[1100];
static struct iovec iov[1100];
static char buf[1100][8];

static void fill(int n) {
  memset(mm, 0, sizeof mm);
  for (int i = 0; i < n; i++) {
    snprintf(buf[i], 8, "m%d", i);
    iov[i] = (struct iovec){ buf[i], 2 };
    mm[i].msg_hdr.msg_iov = &iov[i], mm[i].msg_hdr.msg_iovlen = 1, mm[i].msg_len = 77;
  }
}

static void several(void) {
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
  fill(5);
  tell("sendmmsg", syscall(SYS_sendmmsg, sv[0], mm, 3, 0)), say("  %u %u %u %u", mm[0].msg_len, mm[1].msg_len, mm[2].msg_len, mm[3].msg_len);
  tell("of none", syscall(SYS_sendmmsg, sv[0], mm, 0, 0)), tell("no socket", syscall(SYS_sendmmsg, 0, mm, 0, 0)), tell("no file", syscall(SYS_sendmmsg, 99, mm, 1, 0));
  tell("bad memory", syscall(SYS_sendmmsg, sv[0], bad, 1, 0));
  mm[1].msg_hdr.msg_iovlen = 2000;
  tell("a bad second", syscall(SYS_sendmmsg, sv[0], mm, 3, 0));
  fill(5), memset(buf, 0, sizeof buf);
  struct timespec none = { 0, 0 }, wrong = { 0, 1000000000 }, some = { 5, 0 };
  tell("no time", syscall(SYS_recvmmsg, sv[1], mm, 5, MSG_DONTWAIT, &none)), say("  %s %u, %ld.%09ld", buf[0], mm[0].msg_len, none.tv_sec, none.tv_nsec);
  tell("a wrong time", syscall(SYS_recvmmsg, sv[1], mm, 5, 0, &wrong)), tell("a bad time", syscall(SYS_recvmmsg, sv[1], mm, 5, 0, bad));
  tell("wrong, no socket", syscall(SYS_recvmmsg, 0, mm, 5, 0, &wrong)), tell("no socket", syscall(SYS_recvmmsg, 0, mm, 5, 0, &none));
  tell("wait for one", syscall(SYS_recvmmsg, sv[1], mm, 5, MSG_WAITFORONE, &some)), say("  %s %s %s, %d", buf[0], buf[1], buf[2], some.tv_sec == 4 || some.tv_sec == 5);
  tell("nothing", syscall(SYS_recvmmsg, sv[1], mm, 5, MSG_DONTWAIT, NULL));
  tell("none", syscall(SYS_recvmmsg, sv[1], mm, 0, 0, NULL));
  fill(1100);
  must(fcntl(sv[0], F_SETFL, O_NONBLOCK));
  int size = 1 << 24;
  must(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size));
  tell("more than there may be", syscall(SYS_sendmmsg, sv[0], mm, 1100, 0));
  tell("as many as there are", syscall(SYS_recvmmsg, sv[1], mm, 1100, MSG_DONTWAIT, NULL));
  fill(4);
  tell("four", syscall(SYS_sendmmsg, sv[0], mm, 4, 0));
  iov[2].iov_base = bad;
  tell("a bad third", syscall(SYS_recvmmsg, sv[1], mm, 4, MSG_DONTWAIT, NULL));
  socklen_t len = sizeof size;
  must(getsockopt(sv[1], SOL_SOCKET, SO_ERROR, &size, &len)), say("left behind: %s", size ? err(size) : "nothing");
  tell("four", syscall(SYS_sendmmsg, sv[0], mm, 2, 0));
  tell("a bad third", syscall(SYS_recvmmsg, sv[1], mm, 4, MSG_DONTWAIT, NULL));
  tell("the next is told", syscall(SYS_recvmmsg, sv[1], mm, 1, MSG_DONTWAIT, NULL));
  tell("then there is one", syscall(SYS_recvmmsg, sv[1], mm, 1, MSG_DONTWAIT, NULL));
  tell("then none", recv(sv[1], buf, 8, MSG_DONTWAIT));
}

/* Descriptors. */

static long give(int s, const int *fds, int n) {
  char control[1100] = { 0 };
  struct cmsghdr *c = (struct cmsghdr *)control;
  c->cmsg_len = CMSG_LEN(4 * (unsigned)n), c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(c), fds, 4 * (unsigned)n);
  struct msghdr m = { .msg_iov = &(struct iovec){ (void *)"x", 1 }, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(4 * (unsigned)n) };
  return sendmsg(s, &m, MSG_DONTWAIT);
}

/* Whether the write end of a pipe that was sent along is gone. */
static const char *gone(int r) {
  char c;
  ssize_t n = read(r, &c, 1);
  return n == 0 ? "gone" : n == -1 && errno == EAGAIN ? "there" : "odd";
}
static int watch(int *w) {
  int p[2];
  must(pipe2(p, O_NONBLOCK));
  *w = p[1];
  return p[0];
}

static void garbage(int type) {
  int w, r = watch(&w), a[2], b[2];
  say("type %d", type);
  must(socketpair(AF_UNIX, type, 0, a));
  int fds[2] = { a[0], w };
  must(give(a[1], fds, 2)), fds[0] = a[1], must(give(a[0], fds, 1));
  close(w), close(a[0]);
  say("one end open: %s", gone(r));
  close(a[1]);
  say("a ring of two: %s", gone(r));
  close(r);

  r = watch(&w);
  must(socketpair(AF_UNIX, type, 0, a)), must(socketpair(AF_UNIX, type, 0, b));
  fds[0] = a[0], fds[1] = w, must(give(b[0], fds, 2));
  fds[0] = b[1], must(give(a[1], fds, 1));
  close(w), close(a[0]), close(a[1]), close(b[1]);
  say("held from outside: %s", gone(r));
  int kept = dup(b[0]);
  close(b[0]);
  say("by another number: %s", gone(r));
  close(kept);
  say("by nobody: %s", gone(r));
  close(r);

  /* One that is garbage holds one that somebody has. */
  r = watch(&w);
  must(socketpair(AF_UNIX, type, 0, a)), must(socketpair(AF_UNIX, type, 0, b));
  fds[0] = a[0], fds[1] = b[0], must(give(a[1], fds, 2));
  must(give(b[1], &w, 1)), close(w);
  fds[0] = a[1], must(give(a[0], fds, 1));
  close(a[0]), close(a[1]), close(b[0]);
  say("its messages went with its last user: %s", gone(r));
  tell("so its other end writes to nobody", send(b[1], "x", 1, MSG_NOSIGNAL));
  close(b[1]), close(r);

  /* A chain that hangs on one that somebody has. */
  int o[2];
  r = watch(&w);
  must(socketpair(AF_UNIX, type, 0, o)), must(socketpair(AF_UNIX, type, 0, a)), must(socketpair(AF_UNIX, type, 0, b));
  int d[2];
  must(socketpair(AF_UNIX, type, 0, d));
  fds[0] = d[0], fds[1] = w;
  must(give(o[1], &a[0], 1)), must(give(a[1], &b[0], 1)), must(give(b[1], fds, 2));
  close(w), close(d[0]), close(d[1]), close(a[0]), close(b[0]), close(b[1]), close(a[1]);
  say("a chain: %s", gone(r));
  close(o[1]);
  say("still: %s", gone(r));
  close(o[0]);
  say("let go: %s", gone(r));
  close(r);

  /* A socket that holds itself. */
  r = watch(&w);
  must(socketpair(AF_UNIX, type, 0, a));
  fds[0] = a[1], fds[1] = w, must(give(a[0], fds, 2)), close(w), close(a[0]), close(a[1]);
  say("itself: %s", gone(r));
  close(r);
}

static void listener(void) {
  struct sockaddr_un name = { AF_UNIX, "\0gc" };
  int w, r = watch(&w), l = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), c = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(l, (struct sockaddr *)&name, 5)), must(listen(l, 5)), must(connect(c, (struct sockaddr *)&name, 5));
  int fds[2] = { l, w };
  must(give(c, fds, 2));
  close(w), close(c);
  say("a listener: %s", gone(r));
  close(l);
  say("in the queue of one not accepted: %s", gone(r));
  l = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  tell("the name is free", bind(l, (struct sockaddr *)&name, 5));
  close(l);
  say("another was closed: %s", gone(r));
  l = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  tell("the name is free", bind(l, (struct sockaddr *)&name, 5));
  close(l), close(r);
}

static void nesting(void) {
  int p[8][2];
  for (int i = 0; i < 8; i++) must(socketpair(AF_UNIX, SOCK_STREAM, 0, p[i]));
  for (int i = 0; i < 7; i++) {
    char what[32];
    snprintf(what, sizeof what, "socket %d into socket %d", i, i + 1);
    tell(what, give(p[i + 1][0], &p[i][1], 1));
  }
  char c;
  tell("a read empties it", read(p[3][1], &c, 1)), tell("nothing", recv(p[3][1], &c, 1, MSG_DONTWAIT));
  tell("socket 3 into socket 7", give(p[7][0], &p[3][1], 1));
  tell("socket 5 into socket 6", give(p[6][0], &p[5][1], 1)), tell("a read empties it", read(p[5][1], &c, 1)), tell("nothing", recv(p[5][1], &c, 1, MSG_DONTWAIT));
  tell("socket 5 into socket 6", give(p[6][0], &p[5][1], 1));
  int many[254];
  for (int i = 0; i < 254; i++) many[i] = 1;
  tell("253 files", give(p[7][0], many, 253)), tell("254 files", give(p[7][0], many, 254)), many[1] = 99, tell("a bad one", give(p[7][0], many, 2));
}

/* Queues. */

static void queues(void) {
  struct sockaddr_un name = { AF_UNIX, "\0queue" };
  int s = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), c = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), d = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), n;
  must(bind(s, (struct sockaddr *)&name, 8));
  must(connect(c, (struct sockaddr *)&name, 8));
  struct pollfd p = { c, POLLOUT, 0 };
  for (n = 0; send(c, "abcd", 4, MSG_DONTWAIT) > 0; n++) continue;
  say("datagrams: %d, then %s", n, err(errno));
  poll(&p, 1, 0), say("poll: %#x", p.revents);
  must(ioctl(s, FIONREAD, &n)), say("FIONREAD %d", n);
  must(ioctl(c, 0x5411, &n)), say("SIOCOUTQ: %s", n > 0 ? "some" : "none"), must(ioctl(d, 0x5411, &n)), say("SIOCOUTQ: %d", n);
  struct timeval tv = { 0, 40000 };
  must(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  tell("in time", send(c, "abcd", 4, 0));
  char data[8];
  must(recv(s, data, 8, 0));
  poll(&p, 1, 0), say("poll: %#x", p.revents);
  tell("room for one", send(c, "abcd", 4, 0));
  pid_t pid;
  CHILD(pid) { sleep_ms(20); recv(s, data, 8, 0); _exit(0); }
  tell("somebody reads", send(c, "abcd", 4, 0)), reap(pid);
  while (recv(s, data, 8, MSG_DONTWAIT) > 0) continue;
  while (sendto(d, "abcd", 4, MSG_DONTWAIT, (struct sockaddr *)&name, 8) > 0) continue;
  CHILD(pid) { sleep_ms(20); recv(s, data, 8, 0); _exit(0); }
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  p.revents = 0, say("poll until somebody reads: %d", poll(&p, 1, 3000)), say("  %#x", p.revents), reap(pid);
  clock_gettime(CLOCK_MONOTONIC, &after), say("  in time: %d", after.tv_sec - before.tv_sec < 2);
  must(connect(s, (struct sockaddr *)&name, 8));
  tell("it is connected to itself now", send(c, "abcd", 4, 0));
  tell("another connects", connect(d, (struct sockaddr *)&name, 8));
  tell("shut", shutdown(s, SHUT_RD));
  must(connect(s, (struct sockaddr *)&(struct sockaddr_un){ AF_UNSPEC, "" }, 2)), tell("to one that is shut", send(c, "abcd", 4, MSG_NOSIGNAL));
  close(s);
  tell("to one that is closed", send(c, "abcd", 4, 0)), tell("again", send(c, "abcd", 4, 0));

  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv));
  must(send(sv[0], "abcdef", 6, 0)), must(send(sv[0], "g", 1, 0));
  must(ioctl(sv[1], FIONREAD, &n)), say("packets, FIONREAD %d", n);
  struct msghdr m = { .msg_iov = &(struct iovec){ data, 3 }, .msg_iovlen = 1, .msg_name = &name, .msg_namelen = sizeof name };
  tell("a look", recvmsg(sv[1], &m, MSG_PEEK)), say("  flags %#x, name %u", m.msg_flags, m.msg_namelen);
  tell("with MSG_TRUNC", recv(sv[1], data, 3, MSG_TRUNC)), tell("the next", recv(sv[1], data, 3, 0)), tell("urgent", recv(sv[1], data, 3, MSG_OOB)), tell("urgent", send(sv[0], data, 3, MSG_OOB));
  tell("to an address", sendto(sv[0], "x", 1, 0, (struct sockaddr *)&name, 8)), tell("write", write(sv[0], "xy", 2)), tell("read", read(sv[1], data, 8));
  must(send(sv[0], "x", 1, 0)), close(sv[1]);
  tell("unread at its end", recv(sv[0], data, 8, 0)), tell("then", recv(sv[0], data, 8, 0)), tell("send", send(sv[0], "x", 1, 0));
}

/* Readers of datagrams stand in line, whoever wants to wait or not; whoever changes its partner loses what came. */
static void readers(void) {
  char c = 0, order[8] = "";
  int out[2], n = 0;
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
  must(pipe(out));
  pid_t first, second, third;
  CHILD(first) { must(recv(sv[1], &c, 1, 0)); must(write(out[1], "1", 1)); _exit(c); }
  sleep_ms(20);
  CHILD(second) { long r = recv(sv[1], &c, 1, MSG_DONTWAIT); must(write(out[1], "2", 1)); _exit(r == 1 ? c : errno); }
  sleep_ms(20);
  CHILD(third) { must(recv(sv[1], &c, 1, 0)); must(write(out[1], "3", 1)); _exit(c); }
  sleep_ms(20);
  for (; n < 3; n++) must(send(sv[0], &"abc"[n], 1, 0)), sleep_ms(20);
  say("first %s", reap(first)), say("at once %s", reap(second)), say("third %s", wait_for(third) ? "got it" : "?");
  n = (int)must(fcntl(out[0], F_SETFL, O_NONBLOCK)), n = (int)read(out[0], order, 7), say("%d: %s", n, order);

  struct sockaddr_un a = { AF_UNIX, "\0aa" }, b = { AF_UNIX, "\0bb" }, none = { AF_UNSPEC, "" };
  int x = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), y = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(bind(x, (struct sockaddr *)&a, 5)), must(bind(y, (struct sockaddr *)&b, 5));
  must(connect(x, (struct sockaddr *)&b, 5)), must(connect(y, (struct sockaddr *)&a, 5));
  must(send(y, "lost", 4, 0));
  must(connect(x, (struct sockaddr *)&none, 2));
  tell("what came", recv(x, order, 4, MSG_DONTWAIT)), tell("its partner", send(y, "x", 1, 0)), tell("again", send(y, "x", 1, 0));
  must(connect(x, (struct sockaddr *)&b, 5));
  tell("to the same", connect(x, (struct sockaddr *)&b, 5)), tell("what came", recv(x, order, 4, MSG_DONTWAIT));
}

static void put(const char *path, const char *value) {
  int fd = (int)must(open(path, O_WRONLY));
  tell(path, write(fd, value, strlen(value))), close(fd);
}

/* What a network says about the lengths of queues counts for the sockets that are made, or listen, afterwards. */
static void limits(void) {
  struct sockaddr_un name = { AF_UNIX, "\0limits" };
  int n, old = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(unshare(CLONE_NEWNET));
  put("/proc/sys/net/unix/max_dgram_qlen", "3"), put("/proc/sys/net/core/somaxconn", "2"), put("/proc/sys/net/core/somaxconn", "x");
  int s = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), c = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(bind(s, (struct sockaddr *)&name, 9));
  for (n = 0; sendto(c, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&name, 9) == 1; n++) continue;
  say("datagrams: %d, then %s", n, err(errno));
  int l = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(l, (struct sockaddr *)&name, 9)), must(listen(l, -1));
  for (n = 0;; n++) {
    int d = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (connect(d, (struct sockaddr *)&name, 9)) break;
  }
  say("connections: %d, then %s", n, err(errno));
  must(bind(old, (struct sockaddr *)&name, 9));
  must(listen(l, 3));
  say("names of two networks");
}

int main(void) {
  bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  several();
  garbage(SOCK_STREAM), garbage(SOCK_DGRAM), garbage(SOCK_SEQPACKET);
  listener();
  nesting();
  queues();
  readers();
  limits();
  return 0;
}
