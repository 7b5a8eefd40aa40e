/* Control messages of local sockets: descriptors and credentials; what is cut; peeking; names; options. */
// needs: root
#include "check.h"
#include <sys/socket.h>
#include <sys/un.h>

union control { struct cmsghdr head; char bytes[256]; };

static long send_with(int fd, int type, const void *data, size_t size, size_t length) {
  union control c;
  struct iovec iov = { "x", 1 };
  struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes };
  memset(&c, 0, sizeof c);
  c.head = (struct cmsghdr){ .cmsg_len = length ? length : CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = type };
  memcpy(CMSG_DATA(&c.head), data, size);
  m.msg_controllen = CMSG_SPACE(size);
  return sendmsg(fd, &m, 0);
}

static void receive(const char *what, int fd, size_t room, int flags) {
  union control c;
  char byte = 0;
  struct iovec iov = { &byte, 1 };
  struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.bytes, .msg_controllen = room };
  show(what, recvmsg(fd, &m, flags));
  say("  byte %c, cut %s, control %s", byte, m.msg_flags & MSG_CTRUNC ? "yes" : "no", m.msg_controllen ? "yes" : "no");
  for (size_t at = 0; at + CMSG_LEN(0) <= m.msg_controllen; ) {
    struct cmsghdr *h = (struct cmsghdr *)(c.bytes + at);
    at += CMSG_ALIGN(h->cmsg_len);
    if (h->cmsg_type == SCM_RIGHTS) {
      int got[20], n = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(got, CMSG_DATA(h), (size_t)n * sizeof(int));
      say("  %d files, close on exec %d", n, n ? fcntl(got[0], F_GETFD) : -1);
      for (int i = 0; i < n; i++) must(close(got[i]));
    } else {
      struct ucred who;
      memcpy(&who, CMSG_DATA(h), sizeof who);
      say("  from %s %d %d", who.pid == getpid() ? "us" : "others", (int)who.uid, (int)who.gid);
    }
  }
}

static void passing(int type) {
  int s[2], pipes[2], on = 1;
  must(socketpair(AF_UNIX, type, 0, s));
  must(pipe(pipes));
  show("two files", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 0));
  receive("received", s[1], sizeof(union control), 0);
  show("again", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 0));
  receive("close on exec", s[1], sizeof(union control), MSG_CMSG_CLOEXEC);
  show("again", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 0));
  receive("peeked", s[1], sizeof(union control), MSG_PEEK);
  receive("received", s[1], CMSG_LEN(sizeof(int)), 0);
  show("again", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 0));
  receive("without room", s[1], 0, 0);
  show("a closed one", send_with(s[0], SCM_RIGHTS, &(int){ 77 }, sizeof(int), 0));
  show("an unknown type", send_with(s[0], 9, pipes, sizeof pipes, 0));
  show("a length too short", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 3));
  show("a length too long", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 999));

  must(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  must(write(s[0], "y", 1));
  receive("credentials by themselves", s[1], sizeof(union control), 0);
  struct ucred mine = { getpid(), 0, 0 }, claimed = { getpid(), 5, 6 };
  show("one's own", send_with(s[0], SCM_CREDENTIALS, &mine, sizeof mine, 0));
  receive("received", s[1], sizeof(union control), 0);
  show("claimed", send_with(s[0], SCM_CREDENTIALS, &claimed, sizeof claimed, 0));
  receive("received", s[1], sizeof(union control), 0);
  claimed.pid = 0x3fffffff;
  show("of nobody", send_with(s[0], SCM_CREDENTIALS, &claimed, sizeof claimed, 0));
  show("half", send_with(s[0], SCM_CREDENTIALS, &mine, 8, 0));
  must(write(s[0], "z", 1));
  receive("credentials without room", s[1], 4, 0);
  pid_t child;
  CHILD(child) {
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    show("another's, by a user", send_with(s[0], SCM_CREDENTIALS, &mine, sizeof mine, 0));
    struct ucred own = { getpid(), 1000, 1000 };
    show("one's own, by a user", send_with(s[0], SCM_CREDENTIALS, &own, sizeof own, 0));
    _exit(0);
  }
  reap(child);
  receive("received", s[1], sizeof(union control), 0);
  show("files that nobody takes", send_with(s[0], SCM_RIGHTS, pipes, sizeof pipes, 0));
  must(close(s[0]));
  must(close(s[1]));
  must(close(pipes[1]));
  show("they are closed", read(pipes[0], &on, 1));
  must(close(pipes[0]));
}

static void option(int fd, const char *what, int level, int name, socklen_t size) {
  int value = -1;
  show(what, getsockopt(fd, level, name, &value, &size));
  say("  %d, %d bytes", value, (int)size);
}

static void names_and_options(void) {
  struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket" };
  struct sockaddr_storage got;
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0)), value = 1;
  socklen_t size = sizeof got;
  must(getsockname(fd, (struct sockaddr *)&got, &size));
  say("unnamed: family %d, %d bytes", got.ss_family, (int)size);
  must(bind(fd, (struct sockaddr *)&name, sizeof name));
  size = sizeof got;
  must(getsockname(fd, (struct sockaddr *)&got, &size));
  say("named: %s, %d bytes", ((struct sockaddr_un *)&got)->sun_path, (int)size);
  size = 4;
  must(getsockname(fd, (struct sockaddr *)&got, &size));
  say("cut: of %d bytes", (int)size);
  show("getsockname, bad pointer", syscall(SYS_getsockname, fd, 8, &size));
  show("getsockname, a negative length", syscall(SYS_getsockname, fd, &got, &(int){ -1 }));
  show("getsockname of a pipe", syscall(SYS_getsockname, 0, &got, &size));
  show("getsockname, no file", syscall(SYS_getsockname, 77, &got, &size));
  option(fd, "type", SOL_SOCKET, SO_TYPE, 4);
  option(fd, "type, two bytes", SOL_SOCKET, SO_TYPE, 2);
  option(fd, "error", SOL_SOCKET, SO_ERROR, 4);
  option(fd, "domain", SOL_SOCKET, SO_DOMAIN, 4);
  option(fd, "protocol", SOL_SOCKET, SO_PROTOCOL, 4);
  option(fd, "listens", SOL_SOCKET, SO_ACCEPTCONN, 4);
  must(listen(fd, 1));
  option(fd, "listens", SOL_SOCKET, SO_ACCEPTCONN, 4);
  option(fd, "passes credentials", SOL_SOCKET, SO_PASSCRED, 4);
  option(fd, "unknown", SOL_SOCKET, 9999, 4);
  option(fd, "negative length", SOL_SOCKET, SO_TYPE, (socklen_t)-1);
  option(fd, "another level", 77, 1, 4);
  show("set type", setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, sizeof value));
  show("set unknown", setsockopt(fd, SOL_SOCKET, 9999, &value, sizeof value));
  show("set, short", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, 2));
  show("set, negative length", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, (socklen_t)-1));
  show("set, bad pointer", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, (void *)8, 4));
  show("set, another level", setsockopt(fd, 77, 1, &value, 4));
  show("set, one that local sockets ignore", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 4));
  show("shutdown, not connected", shutdown(fd, SHUT_WR));
}

int main(void) {
  go_to_scratch();
  say("a stream");
  passing(SOCK_STREAM);
  say("datagrams");
  passing(SOCK_DGRAM);
  names_and_options();
  return 0;
}
