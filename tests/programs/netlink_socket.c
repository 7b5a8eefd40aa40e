/* Netlink sockets: addresses, groups, queues that overflow, options. */
// needs: root
// differs: a short address is refused today, as are messages of a user's protocol to nobody; credentials are always sent
#include "netlink.h"

static void names(void) {
  nl_show("no such type", socket(16, SOCK_STREAM, GENERIC));
  nl_show("no such protocol", socket(16, SOCK_RAW, 31));
  nl_show("a protocol too large", socket(16, SOCK_RAW, 32));
  int fd[2];
  nl_show("a pair", socketpair(16, SOCK_RAW, GENERIC, fd));
  int a = nl_socket(USERSOCK), b = nl_socket(USERSOCK);
  say("before bind: pid %u", nl_pid(a));
  nl_show("bind of another family", bind(a, (struct sockaddr *)&(struct nl_address){ 1, 0, 0, 0 }, 12));
  nl_show("bind", nl_bind(a, 0, 0));
  say("own pid %d", nl_pid(a) == (unsigned)getpid());
  nl_show("bind again", nl_bind(a, 0, 0));
  nl_show("bind again to the same", nl_bind(a, (unsigned)getpid(), 0));
  nl_show("the same on another", nl_bind(b, (unsigned)getpid(), 0));
  nl_show("autobind of the second", nl_bind(b, 0, 0));
  say("a number below %d", (int)nl_pid(b) <= -4097);
  nl_show("listen", listen(a, 5));
  nl_show("accept", accept(a, NULL, NULL));
  nl_show("shutdown", shutdown(a, SHUT_RDWR));
  int n;
  nl_show("ioctl", ioctl(a, 0x541b, &n));
  socklen_t len = 4;
  nl_show("SO_DOMAIN", getsockopt(a, SOL_SOCKET, 39, &n, &len)), say("%d", n);
  nl_show("SO_PROTOCOL", getsockopt(a, SOL_SOCKET, 38, &n, &len)), say("%d", n);
  struct nl_address peer;
  len = sizeof peer;
  nl_show("getpeername", getpeername(a, (struct sockaddr *)&peer, &len)), say("%u %u %u, %u bytes", peer.family, peer.pid, peer.groups, len);
  peer = (struct nl_address){ 16, 0, nl_pid(b), 4 };
  nl_show("connect", connect(a, (struct sockaddr *)&peer, sizeof peer));
  nl_show("getpeername", getpeername(a, (struct sockaddr *)&peer, &len)), say("%d %u", peer.pid == nl_pid(b), peer.groups);
  peer.family = 0;
  nl_show("connect to nobody", connect(a, (struct sockaddr *)&peer, sizeof peer));
  nl_show("connect of one byte", connect(a, (struct sockaddr *)&peer, 1));
  nl_show("connect to another family", connect(a, (struct sockaddr *)&(struct nl_address){ 2, 0, 0, 0 }, 12));
  close(a), close(b);
}

static void messages(void) {
  int a = nl_socket(USERSOCK), b = nl_socket(USERSOCK);
  char text[64];
  struct nl_address from;
  socklen_t len = sizeof from;
  must(nl_bind(b, 77, 0));
  struct pollfd p = { b, POLLIN | POLLOUT, 0 };
  poll(&p, 1, 0), say("poll %#x", p.revents);
  nl_show("nothing there", recv(b, text, sizeof text, MSG_DONTWAIT));
  nl_show("to nobody", nl_sendto(a, "hello", 5, 78, 0, 0));
  nl_show("send", nl_sendto(a, "hello", 5, 77, 0, 0));
  poll(&p, 1, 0), say("poll %#x", p.revents);
  nl_show("peek", recvfrom(b, text, 3, MSG_PEEK, (struct sockaddr *)&from, &len));
  say("from us %d, family %u, groups %u, %u bytes", from.pid == nl_pid(a), from.family, from.groups, len);
  nl_show("peek at its length", recv(b, text, 3, MSG_PEEK | MSG_TRUNC));
  struct iovec iov = { text, 3 };
  struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
  nl_show("cut", recvmsg(b, &m, 0)), say("flags %#x", m.msg_flags);
  nl_show("the rest is gone", recv(b, text, sizeof text, MSG_DONTWAIT));
  nl_show("urgent", send(a, "x", 1, MSG_OOB));
  nl_show("urgent to receive", recv(b, text, 1, MSG_OOB));
  nl_show("a bad address", nl_sendto(a, (void *)8, 5, 77, 0, 0));
  must(nl_sendto(a, "hello", 5, 77, 0, 0));
  nl_show("to a bad address", recv(b, (void *)8, 5, 0));
  nl_show("which has cost it", recv(b, text, sizeof text, MSG_DONTWAIT));
  nl_show("write without a destination", write(a, "x", 1));
  int on = 1;
  must(setsockopt(b, SOL_SOCKET, SO_PASSCRED, &on, 4));
  must(nl_sendto(a, "hello", 5, 77, 0, 0));
  char control[64] __attribute__((aligned(8)));
  m.msg_control = control, m.msg_controllen = sizeof control;
  nl_show("with credentials", recvmsg(b, &m, 0));
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  if (c) say("level %d, type %d, pid of its own %d", c->cmsg_level, c->cmsg_type, *(int *)CMSG_DATA(c) == getpid());
  nl_show("too long", nl_sendto(a, malloc(300000), 300000, 77, 0, 0));
  /* Somebody connected to another one takes nothing from us. */
  struct nl_address other = { 16, 0, 12345, 0 };
  must(connect(b, (struct sockaddr *)&other, sizeof other));
  nl_show("to one who is connected elsewhere", nl_sendto(a, "hello", 5, 77, 0, 0));
  close(a), close(b);
}

static void groups(void) {
  int a = nl_socket(USERSOCK), b = nl_socket(USERSOCK), c = nl_socket(USERSOCK);
  char text[64];
  must(nl_bind(b, 77, 5)), must(nl_bind(c, 78, 0));
  struct nl_address name;
  socklen_t len = sizeof name;
  must(getsockname(b, (struct sockaddr *)&name, &len)), say("groups %u", name.groups);
  int group = 3;
  nl_show("join", setsockopt(c, 270, 1, &group, 4));
  group = 0;
  nl_show("join none", setsockopt(c, 270, 1, &group, 4));
  group = 33;
  nl_show("join one too high", setsockopt(c, 270, 1, &group, 4));
  nl_show("no such option", setsockopt(c, 270, 99, &group, 4));
  nl_show("no such level", setsockopt(c, 271, 1, &group, 4));
  group = 1;
  nl_show("PKTINFO", setsockopt(b, 270, 3, &group, 4));
  nl_show("to a group and to nobody", nl_sendto(a, "all", 3, 0, 4, 0));
  nl_show("one has it", recv(b, text, sizeof text, MSG_DONTWAIT));
  nl_show("another has it", recv(c, text, sizeof text, MSG_DONTWAIT));
  nl_show("to a group and one of it", nl_sendto(a, "all", 3, 78, 4, 0));
  char control[64] __attribute__((aligned(8)));
  struct iovec iov = { text, 3 };
  struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control, .msg_name = &name, .msg_namelen = sizeof name };
  nl_show("one has it", recvmsg(b, &m, MSG_DONTWAIT));
  struct cmsghdr *cm = CMSG_FIRSTHDR(&m);
  if (cm) say("level %d, type %d, group %d, groups %u", cm->cmsg_level, cm->cmsg_type, *(int *)CMSG_DATA(cm), name.groups);
  nl_show("another has it", recv(c, text, sizeof text, MSG_DONTWAIT));
  nl_show("but once", recv(c, text, sizeof text, MSG_DONTWAIT));
  group = 3;
  nl_show("leave", setsockopt(c, 270, 2, &group, 4));
  nl_sendto(a, "all", 3, 0, 4, 0);
  nl_show("nothing", recv(c, text, sizeof text, MSG_DONTWAIT));
  must(setresuid(1000, 1000, 1000));
  int d = nl_socket(USERSOCK), e = nl_socket(GENERIC);
  nl_show("groups without privileges", nl_bind(d, 0, 1));
  nl_show("sending to them", nl_sendto(d, "all", 3, 0, 4, 0));
  nl_show("generic ones are free", nl_bind(e, 0, 1));
  nl_show("connecting to them is not", connect(e, (struct sockaddr *)&(struct nl_address){ 16, 0, 0, 1 }, 12));
}

static void full(void) {
  int a = nl_socket(USERSOCK), b = nl_socket(USERSOCK);
  char text[1024];
  int size = 1, sent = 0, n = 0;
  socklen_t len = 4;
  must(nl_bind(b, 77, 1));
  must(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &(int){ 8192 }, 4));
  must(getsockopt(b, SOL_SOCKET, SO_RCVBUF, &size, &len));
  say("size %d", size);
  while (nl_sendto(a, text, sizeof text, 77, 0, MSG_DONTWAIT) > 0) sent++;
  say("then %s, more than five %d", nl_errname(errno), sent > 5);
  struct pollfd p = { b, POLLIN, 0 };
  poll(&p, 1, 0), say("poll %#x", p.revents);
  nl_sendto(a, text, 10, 0, 1, MSG_DONTWAIT);
  poll(&p, 1, 0), say("poll after a lost one %#x", p.revents);
  nl_show("once", recv(b, text, sizeof text, MSG_DONTWAIT));
  nl_show("then what is there", recv(b, text, sizeof text, MSG_DONTWAIT));
  nl_show("still none is taken", nl_sendto(a, text, 10, 77, 0, MSG_DONTWAIT));
  while (recv(b, text, sizeof text, MSG_DONTWAIT) > 0) n++;
  say("the rest %d", n == sent - 1);
  nl_show("now again", nl_sendto(a, text, 10, 77, 0, MSG_DONTWAIT));
  while (nl_sendto(a, text, sizeof text, 77, 0, MSG_DONTWAIT) > 0) sent++;
  pid_t pid;
  CHILD(pid) {
    sleep_ms(20);
    while (recv(b, text, sizeof text, MSG_DONTWAIT) > 0) continue;
    _exit(0);
  }
  nl_show("waits for room", nl_sendto(a, text, 10, 77, 0, 0));
  say("%s", reap(pid));
  while (nl_sendto(a, text, sizeof text, 77, 0, MSG_DONTWAIT) > 0) continue;
  int on = 1;
  nl_show("NO_ENOBUFS", setsockopt(b, 270, 5, &on, 4));
  nl_sendto(a, text, 10, 0, 1, MSG_DONTWAIT);
  nl_show("no word of it", recv(b, text, sizeof text, MSG_DONTWAIT));
  len = 4, on = 7;
  nl_show("NO_ENOBUFS is", getsockopt(b, 270, 5, &on, &len)), say("%d", on);
  len = 3;
  nl_show("with little room", getsockopt(b, 270, 5, &on, &len));
  nl_show("no such option", getsockopt(b, 270, 1, &on, &len));
  close(a), close(b);
}

/* Dumps, and requests, whose answers have no room. */
static void dumps(void) {
  int a = nl_socket(0), b = nl_socket(0);
  struct { struct nl_head head; unsigned char body[16]; } ask = { { 32, 18, REQUEST | DUMP, 1, 0 }, { 0 } };
  static char text[4096];
  must(nl_bind(a, 50, 0));
  must(setsockopt(a, SOL_SOCKET, SO_RCVBUF, &(int){ 1 }, 4));
  while (nl_sendto(b, text, 1000, 50, 0, MSG_DONTWAIT) > 0) continue;
  nl_show("a dump without room", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  nl_show("something was lost", recv(a, text, sizeof text, MSG_DONTWAIT));
  while (recv(a, text, sizeof text, MSG_DONTWAIT) > 0) say("type %u", ((struct nl_head *)text)->type);
  nl_show("a dump", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  while (recv(a, text, sizeof text, MSG_DONTWAIT) > 0) say("type %u", ((struct nl_head *)text)->type);
  ask.head.flags = REQUEST | ACK, ask.head.type = 999;
  while (nl_sendto(b, text, 1000, 50, 0, MSG_DONTWAIT) > 0) continue;
  nl_show("a request without room", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  nl_show("something was lost", recv(a, text, sizeof text, MSG_DONTWAIT));
  while (recv(a, text, sizeof text, MSG_DONTWAIT) > 0) say("type %u", ((struct nl_head *)text)->type);
  ask.head.flags = REQUEST | DUMP, ask.head.type = 18;
  for (int room = 1; room <= 20000; room += 19999) {
    must(setsockopt(a, SOL_SOCKET, SO_RCVBUF, &room, 4));
    nl_show("a dump", nl_sendto(a, &ask, sizeof ask, 0, 0, 0)), nl_show("another", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
    for (int i = 0; i < 5; i++) nl_receive(a, room == 1 ? "it fills a small queue" : "both are answered", text, sizeof text);
  }
  nl_show("a dump", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  close(a), close(b);
}

int main(void) {
  names();
  messages();
  full();
  dumps();
  groups();
  return 0;
}
