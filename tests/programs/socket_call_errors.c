/* Mistakes with local sockets, and how much waits in them. */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#ifndef SIOCOUTQ
#define SIOCOUTQ TIOCOUTQ
#endif

int main(void) {
  struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "s" }, none = { .sun_family = AF_UNIX, .sun_path = "n" };
  struct sockaddr_un other = { .sun_family = 2 };
  socklen_t size = sizeof name;
  int pair[2], n;
  char bytes[32];
  go_to_scratch();
  show("socket, family", socket(99, SOCK_STREAM, 0));
  show("socket, type", socket(AF_UNIX, 77, 0));
  show("socket, protocol", socket(AF_UNIX, SOCK_STREAM, 9));
  show("socketpair, bad pointer", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8UL));
  must(socket(AF_UNIX, SOCK_RAW, 0));
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("listen, not bound", listen(fd, 1));
  show("accept, does not listen", accept(fd, NULL, NULL));
  show("bind, family", bind(fd, (struct sockaddr *)&other, sizeof other));
  show("bind, too long", bind(fd, (struct sockaddr *)&name, 200));
  show("bind, negative", bind(fd, (struct sockaddr *)&name, (socklen_t)-1));
  show("bind, a bad pointer", syscall(SYS_bind, fd, 8UL, 20));
  show("bind by itself", bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)));
  show("bind again", bind(fd, (struct sockaddr *)&name, sizeof name));
  fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("bind", bind(fd, (struct sockaddr *)&name, sizeof name));
  int second = must(socket(AF_UNIX, SOCK_STREAM, 0));
  show("bind to a used name", bind(second, (struct sockaddr *)&name, sizeof name));
  show("connect to nobody", connect(second, (struct sockaddr *)&none, sizeof none));
  show("connect, nobody listens", connect(second, (struct sockaddr *)&name, sizeof name));
  show("getpeername, not connected", getpeername(second, (struct sockaddr *)bytes, &(socklen_t){ sizeof bytes }));
  show("send, not connected", send(second, "x", 1, MSG_NOSIGNAL));
  show("recv, not connected", recv(second, bytes, 1, 0));
  must(listen(fd, 1));
  show("FIONREAD of a listener", ioctl(fd, FIONREAD, &n));
  show("connect", connect(second, (struct sockaddr *)&name, sizeof name));
  show("connect again", connect(second, (struct sockaddr *)&name, sizeof name));
  show("accept4, flags", syscall(SYS_accept4, fd, NULL, NULL, 1));
  show("accept, a bad pointer", syscall(SYS_accept, fd, 8UL, &size));
  show("of no socket", listen(0, 1));
  show("no descriptor", listen(77, 1));

  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  must(write(pair[0], "abc", 3));
  must(write(pair[0], "de", 2));
  must(ioctl(pair[1], FIONREAD, &n));
  say("a stream has %d", n);
  must(ioctl(pair[0], SIOCOUTQ, &n));
  say("under way: %s", n > 0 ? "some" : "none");
  show("an unknown ioctl", ioctl(pair[0], 0x1234, &n));
  show("to an address", sendto(pair[0], "x", 1, 0, (struct sockaddr *)&name, sizeof name));
  show("all", recv(pair[1], bytes, 5, MSG_WAITALL));
  show("none, at once", recv(pair[1], bytes, 5, MSG_DONTWAIT));
  must(ioctl(pair[0], SIOCOUTQ, &n));
  say("under way: %s", n > 0 ? "some" : "none");
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  must(write(pair[0], "abc", 3));
  must(write(pair[0], "de", 2));
  must(ioctl(pair[1], FIONREAD, &n));
  say("of datagrams the first: %d", n);
  show("cut", recv(pair[1], bytes, 1, 0));
  show("cut", recv(pair[1], bytes, 1, 0));
  struct msghdr many = { .msg_iov = &(struct iovec){ bytes, 1 }, .msg_iovlen = 1025 };
  show("sendmsg, too many pieces", syscall(SYS_sendmsg, pair[0], &many, 0));
  show("recvmsg, too many pieces", syscall(SYS_recvmsg, pair[0], &many, MSG_DONTWAIT));
  show("sendmsg, a bad pointer", syscall(SYS_sendmsg, pair[0], 8UL, 0));
  struct sockaddr_un unspecified = { .sun_family = AF_UNSPEC };
  show("disconnect", connect(pair[0], (struct sockaddr *)&unspecified, sizeof(sa_family_t)));
  show("send", send(pair[0], "x", 1, 0));
  return 0;
}
