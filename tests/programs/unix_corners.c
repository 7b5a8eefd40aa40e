/* Local sockets in corners: control messages of other levels, control memory nobody can write, names, polls, O_ASYNC. */
// needs: root
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *err(int e) {
  switch (e) {
  case ENOTCONN: return "ENOTCONN"; case ECONNREFUSED: return "ECONNREFUSED"; case EADDRINUSE: return "EADDRINUSE";
  case EPROTOTYPE: return "EPROTOTYPE"; case ECONNRESET: return "ECONNRESET"; case EISCONN: return "EISCONN"; default: return errname(e);
  }
}
static long tell(const char *what, long result) {
  int e = errno;
  if (result == -1) say("%s: %s", what, err(e));
  else say("%s: %ld", what, result);
  errno = e;
  return result;
}
static struct sockaddr_un name(const char *path) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  memcpy(a.sun_path, path, 4);
  return a;
}
#define NAMED(path) (struct sockaddr *)&(struct sockaddr_un[]){ name(path) }[0], 6
static int files(void) {
  int n = 0;
  for (int fd = 3; fd < 40; fd++) n += fcntl(fd, F_GETFD) != -1;
  return n;
}

/* Control messages. */

static char control[256] __attribute__((aligned(8)));

static long send_two(int s, int level, int fd) {
  struct msghdr m = { .msg_iov = &(struct iovec){ "x", 1 }, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(4) * 2 };
  memset(control, 0, sizeof control);
  for (int i = 0; i < 2; i++) {
    struct cmsghdr *c = (struct cmsghdr *)(control + CMSG_SPACE(4) * (unsigned)i);
    c->cmsg_len = CMSG_LEN(4), c->cmsg_level = i ? SOL_SOCKET : level, c->cmsg_type = i ? SCM_RIGHTS : 77;
    memcpy(CMSG_DATA(c), &fd, 4);
  }
  return sendmsg(s, &m, 0);
}
static void receive(const char *what, int s, void *where, size_t room) {
  char byte = 0;
  struct msghdr m = { .msg_iov = &(struct iovec){ &byte, 1 }, .msg_iovlen = 1, .msg_control = where, .msg_controllen = room };
  int before = files();
  tell(what, recvmsg(s, &m, MSG_DONTWAIT));
  say("  cut %d, %d bytes of control, %d files more", !!(m.msg_flags & MSG_CTRUNC), (int)m.msg_controllen, files() - before);
}
static void controls(void) {
  int s[2], p[2], on = 1;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(page + 4096, 4096));
  tell("another level is none of ours", send_two(s[0], 55, p[0]));
  receive("the next is", s[1], control, sizeof control);
  tell("a file", send_two(s[0], 55, p[0]));
  receive("its number cannot be written", s[1], page + 4096 - 16, 24);
  tell("a file", send_two(s[0], 55, p[0]));
  receive("nothing can", s[1], (void *)8, 24);
  must(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  tell("a file", send_two(s[0], 55, p[0]));
  receive("the credentials cannot be written, nor can it", s[1], page + 4096 - 16, 64);
  tell("a file", send_two(s[0], 55, p[0]));
  receive("no control at all", s[1], NULL, 0);
  tell("a file", send_two(s[0], 55, p[0]));
  receive("half of the credentials", s[1], control, 20);
  tell("a file", send_two(s[0], 55, p[0]));
  tell("data that cannot be written", recv(s[1], (void *)8, 1, MSG_DONTWAIT));
  receive("costs a stream nothing", s[1], control, sizeof control);
  struct rlimit few, all;
  must(getrlimit(RLIMIT_NOFILE, &all));
  few = all, few.rlim_cur = 12;
  int fds[40], n = 0;
  must(setrlimit(RLIMIT_NOFILE, &few));
  while ((fds[n] = dup(p[0])) != -1) n++;
  tell("a file", send_two(s[0], 55, p[0]));
  receive("no number is free", s[1], control, sizeof control);
  while (n) close(fds[--n]);
  must(setrlimit(RLIMIT_NOFILE, &all));
  close(s[0]), close(s[1]);
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  tell("a file", send_two(s[0], 55, p[1]));
  tell("data that cannot be written", recv(s[1], (void *)8, 1, MSG_DONTWAIT));
  tell("cost the datagram", recv(s[1], control, 1, MSG_DONTWAIT));
  close(p[1]);
  must(fcntl(p[0], F_SETFL, O_NONBLOCK));
  tell("and its file", read(p[0], control, 1));
  close(s[0]), close(s[1]), close(p[0]);
}

/* Names and partners. */

static void own_name(const char *what, int fd) {
  struct sockaddr_un a;
  socklen_t n = sizeof a;
  must(getsockname(fd, (struct sockaddr *)&a, &n));
  say("%s: %d bytes, abstract %d", what, (int)n, n > 2 && !a.sun_path[0]);
}
static void partners(void) {
  int a = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), b = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), c = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), on = 1;
  struct sockaddr_un none = { .sun_family = AF_UNIX };
  tell("any name", bind(a, (struct sockaddr *)&none, 2)), own_name("it", a);
  tell("once more", bind(a, (struct sockaddr *)&none, 2)), own_name("the same", a);
  tell("another", bind(a, NAMED("\0cra")));
  tell("too short", bind(b, (struct sockaddr *)&none, 1));
  tell("of another family", bind(b, (struct sockaddr *)&(struct sockaddr_un){ 7, "a" }, 6));
  must(bind(b, NAMED("\0crb"))), must(bind(c, NAMED("\0crc")));
  must(connect(b, NAMED("\0crc")));
  tell("connecting to somebody else's", connect(a, NAMED("\0crb")));
  tell("sending to it", sendto(a, "x", 1, 0, NAMED("\0crb")));
  tell("the other way round", connect(c, NAMED("\0crb")));
  must(close(c));
  tell("sending to who is gone", send(b, "x", 1, 0));
  tell("then to nobody", send(b, "x", 1, 0));
  must(connect(a, NAMED("\0crb")));
  tell("a connection ends by no family", connect(a, (struct sockaddr *)&(struct sockaddr_un){ 0, "" }, 6));
  tell("so to nobody", send(a, "x", 1, 0));
  must(shutdown(b, SHUT_RD));
  tell("to who hears no more", sendto(a, "x", 1, MSG_NOSIGNAL, NAMED("\0crb")));
  close(a), close(b);
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
    int l = (int)must(socket(AF_UNIX, type, 0)), d = (int)must(socket(AF_UNIX, type, 0));
    must(bind(l, NAMED("\0crl")));
    if (type == SOCK_STREAM) must(listen(l, 1));
    must(setsockopt(d, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    own_name("who wants credentials", d);
    tell("connects", connect(d, NAMED("\0crl"))), own_name("has a name", d);
    tell("accepts", type == SOCK_STREAM ? accept4(l, NULL, NULL, SOCK_NONBLOCK) : accept(l, NULL, NULL));
    close(l), close(d);
  }
  int d = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0)), l = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(bind(l, NAMED("\0crl")));
  must(setsockopt(d, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  tell("sends", sendto(d, "x", 1, 0, NAMED("\0crl"))), own_name("has a name", d);
  close(l), close(d);
  l = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), d = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(l, NAMED("\0crl"))), must(listen(l, 5)), must(connect(d, NAMED("\0crl")));
  struct pollfd p = { d, POLLIN | POLLOUT | POLLRDHUP, 0 };
  poll(&p, 1, 0), say("not accepted: poll %#x", p.revents);
  must(close(l));
  poll(&p, 1, 0), say("never accepted: poll %#x", p.revents);
  char byte;
  tell("read", read(d, &byte, 1)), tell("again", read(d, &byte, 1));
  poll(&p, 1, 0), say("poll %#x", p.revents);
  close(d);
}

/* Who writes while the other end goes; O_ASYNC. */

static volatile sig_atomic_t signals, band, code;
static void handler(int sig, siginfo_t *info, void *context) { (void)sig, (void)context, signals++, band = (int)info->si_band, code = info->si_code; }
static void heard(const char *what) {
  say("%s: %d signals, %d, %#x", what, signals, code, (unsigned)band);
  signals = 0, band = code = 0;
}
static void async(int type) {
  int s[2], n = 0;
  char data[512] = { 0 };
  struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
  must(sigaction(SIGRTMIN + 3, &sa, NULL));
  must(socketpair(AF_UNIX, type, 0, s));
  must(fcntl(s[0], F_SETOWN, getpid())), must(fcntl(s[0], F_SETSIG, SIGRTMIN + 3)), must(fcntl(s[0], F_SETFL, O_ASYNC | O_NONBLOCK));
  must(write(s[1], "x", 1)), heard("something to read");
  must(recv(s[0], data, 1, 0)), heard("it was read");
  while (write(s[0], data, sizeof data) > 0) n++;
  say("full after some %d, %s", n > 5, err(errno)), heard("full");
  while (recv(s[1], data, sizeof data, MSG_DONTWAIT) > 0) n--;
  say("left %d, signals %d", n, signals > 0), signals = 0, band = code = 0;
  must(shutdown(s[1], SHUT_WR)), heard("no more comes");
  must(fcntl(s[0], F_SETFL, O_NONBLOCK));
  close(s[1]), heard("off");
  close(s[0]);
}
static void going(void) {
  int s[2];
  char data[4096] = { 0 };
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(fcntl(s[0], F_SETFL, O_NONBLOCK));
  while (write(s[0], data, sizeof data) > 0) continue;
  must(fcntl(s[0], F_SETFL, 0));
  pid_t pid;
  CHILD(pid) { sleep_ms(30), must(shutdown(s[1], SHUT_RD)), _exit(0); }
  tell("who waits for room when the reader ends", send(s[0], data, 10, MSG_NOSIGNAL)), say("%s", reap(pid));
  close(s[0]), close(s[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(fcntl(s[0], F_SETFL, O_NONBLOCK));
  while (write(s[0], data, sizeof data) > 0) continue;
  must(fcntl(s[0], F_SETFL, 0));
  CHILD(pid) { sleep_ms(30), must(shutdown(s[0], SHUT_WR)), _exit(0); }
  tell("who waits for room and may write no more", send(s[0], data, 10, MSG_NOSIGNAL)), say("%s", reap(pid));
  close(s[0]), close(s[1]);
}

int main(void) {
  controls();
  partners();
  async(SOCK_STREAM);
  async(SOCK_DGRAM);
  going();
  return 0;
}
