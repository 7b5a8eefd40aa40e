/* Local sockets at their ends: what comes before what when several things are wrong, who gets SIGPIPE, who an end. */
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>
// needs: glibc
// differs: later kernels give out buffers of other sizes, and a datagram socket that was shut down an end

static int sv[2];
static char *bad, much[400000];
static volatile int signals;
static void count(int sig) { (void)sig, signals++; }

static void pair(int type) { must(socketpair(AF_UNIX, type, 0, sv)); }
static void broken(const char *what, long result) {
  show(what, result);
  say("  SIGPIPE: %d", signals);
  signals = 0;
}

static void ends(int type) {
  say("type %d", type);
  pair(type);
  must(shutdown(sv[0], SHUT_RD));
  show("shut down, nonblocking read", recv(sv[0], much, 1, MSG_DONTWAIT));
  show("shut down, read", recv(sv[0], much, 1, 0));
  broken("write to one that is shut down", write(sv[1], "x", 1));
  close(sv[0]);
  broken("write to one that is closed", write(sv[1], "x", 1));
  broken("from bad memory", write(sv[1], bad, 1));
  pair(type);
  must(shutdown(sv[1], SHUT_WR));
  broken("write from one that is shut down", write(sv[1], "x", 1));

  /* A writer sleeps when the reader goes. */
  pair(type);
  must(fcntl(sv[1], F_SETFL, O_NONBLOCK));
  while (write(sv[1], much, 1000) > 0) continue;
  must(fcntl(sv[1], F_SETFL, 0));
  pid_t pid;
  CHILD(pid) {
    close(sv[1]);
    sleep_ms(50);
    _exit(0);
  }
  close(sv[0]);
  broken("a sleeping writer", write(sv[1], much, 1000));
  reap(pid);
}

static void streams(void) {
  pid_t pid;
  pair(SOCK_STREAM);
  CHILD(pid) {
    close(sv[1]);
    sleep_ms(50);
    _exit(0);
  }
  close(sv[0]);
  broken("a writer that sleeps after it has written some", write(sv[1], much, sizeof much));
  reap(pid);

  /* How much there is room for, and what makes room. */
  pair(SOCK_STREAM);
  must(fcntl(sv[1], F_SETFL, O_NONBLOCK));
  for (int i = 0; i < 3; i++) show("100000 bytes", write(sv[1], much, 100000));
  show("read", read(sv[0], much, 100));
  show("1 byte", write(sv[1], much, 1));
  show("read", read(sv[0], much, 20000));
  show("1 byte", write(sv[1], much, 1));
  for (size_t size = 1; size <= 4096; size *= 4096) {
    pair(SOCK_STREAM);
    must(fcntl(sv[1], F_SETFL, O_NONBLOCK));
    int n = 0;
    while (write(sv[1], much, size) > 0) n++;
    say("writes of %zu: %d", size, n);
  }

  pair(SOCK_STREAM);
  must(write(sv[1], "abc", 3));
  show("into bad memory", read(sv[0], bad, 3));
  show("it is still there", read(sv[0], much, 10));
  must(write(sv[1], "abc", 3));
  show("a bad place for the name", recvfrom(sv[0], much, 3, 0, (struct sockaddr *)bad, (socklen_t *)bad));
  show("it is gone", recv(sv[0], much, 3, MSG_DONTWAIT));
  show("0 bytes, nothing there", recv(sv[0], much, 0, MSG_DONTWAIT));
  show("read 0 bytes", read(sv[0], much, 0));
}

static void orders(void) {
  struct sockaddr_un name = { AF_UNIX, "name" };
  struct sockaddr *to = (struct sockaddr *)&name;
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), c = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(s, to, sizeof name));
  must(listen(s, 1));
  strcpy(name.sun_path, "client");
  must(bind(c, to, sizeof name));
  strcpy(name.sun_path, "name");
  must(connect(c, to, sizeof name));
  must(write(c, "hello", 5));
  int n = (int)must(accept(s, NULL, NULL));
  struct sockaddr_un from = { 0 };
  socklen_t len = sizeof from;
  show("a stream's sender", recvfrom(n, much, 5, 0, (struct sockaddr *)&from, &len));
  say("  %d bytes: %s", (int)len, from.sun_path);
  show("an address of no bytes", sendto(c, "x", 1, 0, to, 0));
  show("an address", sendto(c, "x", 1, 0, to, sizeof name));

  int d = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  show("datagram, an address of no bytes", sendto(d, "x", 1, 0, to, 0));
  show("datagram, no address, bad memory", sendto(d, bad, 1, 0, NULL, 0));
  show("datagram, bad memory", sendto(d, bad, 1, 0, to, sizeof name));
  show("datagram, too much bad memory", sendto(d, bad, 1 << 20, 0, to, sizeof name));
  show("datagram, urgent", recv(d, much, 1, MSG_OOB | MSG_DONTWAIT));
  show("unconnected stream, urgent", recv((int)must(socket(AF_UNIX, SOCK_STREAM, 0)), much, 1, MSG_OOB));
  show("unconnected packets, urgent", recv((int)must(socket(AF_UNIX, SOCK_SEQPACKET, 0)), much, 1, MSG_OOB));

  struct iovec v = { much, 1 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = bad, .msg_controllen = 16 };
  show("bad control", sendmsg(c, &m, 0));
  m.msg_controllen = 21000;
  show("too much control", sendmsg(c, &m, 0));
  m.msg_control = much, m.msg_controllen = 8;
  show("too little control", sendmsg(c, &m, 0));
  m.msg_controllen = 0, m.msg_namelen = 200;
  show("too long a name", sendmsg(c, &m, 0));
  m.msg_name = &name, m.msg_namelen = 0;
  show("a name of no bytes", sendmsg(c, &m, 0));
  m.msg_namelen = 2;
  show("a name of two bytes", sendmsg(c, &m, 0));
  m.msg_iovlen = 1025;
  show("too many pieces", sendmsg(c, &m, 0));

  /* Without a free descriptor no connection is taken. */
  int c2 = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect(c2, to, sizeof name));
  struct rlimit old, none;
  must(getrlimit(RLIMIT_NOFILE, &old));
  none = old;
  none.rlim_cur = (rlim_t)c2 + 1;
  must(setrlimit(RLIMIT_NOFILE, &none));
  show("accept without a descriptor", accept(s, NULL, NULL));
  must(setrlimit(RLIMIT_NOFILE, &old));
  show_ok("accept", accept(s, NULL, NULL));
}

int main(void) {
  go_to_scratch();
  on_signal(SIGPIPE, count);
  bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ends(SOCK_STREAM);
  ends(SOCK_DGRAM);
  ends(SOCK_SEQPACKET);
  streams();
  orders();
  return 0;
}
