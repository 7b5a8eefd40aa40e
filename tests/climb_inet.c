/* climb_inet: make a call about sockets again and again, as often as argv[2] says, and print what came of each.
 *
 * The test has the n-th call's n-th request refused. Each time everything is made anew, by other calls than the one in
 * question, and given back. A call that fails leaves the descriptors as they were.
 */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in lo = { .sin_family = AF_INET };
static struct sockaddr_in6 lo6 = { .sin6_family = AF_INET6 };
static struct { unsigned short family, pad; unsigned pid, groups; } route = { 16, 0, 0, 0 };
static struct sockaddr *to;
static socklen_t to_size;
static int family, type, protocol, whole_head;

static const char *name(int e) {
  return e == EADDRINUSE ? "EADDRINUSE" : e == ENOBUFS ? "ENOBUFS" : e == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : e == ECONNREFUSED ? "ECONNREFUSED" : e == EAFNOSUPPORT ? "EAFNOSUPPORT" : errname(e);
}
static int descriptors(void) {
  int n = 0;
  for (int fd = 3; fd < 30; fd++) n += fcntl(fd, F_GETFD) != -1;
  return n;
}
static int made(void) { return (int)must(syscall(SYS_socket, family, type, protocol)); }
static void listening(int fd) {
  must(syscall(SYS_bind, fd, to, to_size));
  must(syscall(SYS_listen, fd, 4));
}

static void kind(const char *what) {
  to = (struct sockaddr *)&lo, to_size = sizeof lo;
  family = AF_INET, type = SOCK_STREAM, protocol = 0;
  if (!strncmp(what, "udp", 3)) type = SOCK_DGRAM;
  if (!strncmp(what, "raw", 3)) type = SOCK_RAW, protocol = 200, lo.sin_port = lo6.sin6_port = 0;
  whole_head = !strcmp(what, "rawhead");
  if (!strcmp(what + 3, "6")) family = AF_INET6, to = (struct sockaddr *)&lo6, to_size = sizeof lo6;
  if (!strcmp(what, "netlink")) family = 16, type = SOCK_RAW, protocol = 0, to = (struct sockaddr *)&route, to_size = sizeof route;
  if (!strcmp(what, "packet")) family = 17, type = SOCK_RAW;
}

/* The call in question, made directly so that a C library cannot ask for more on its way. */
static long call(const char *which, int fd, int *more) {
  static char data[4000];
  static struct { unsigned length; unsigned short kind, flags; unsigned seq, pid; unsigned char family[16]; } ask = { 32, 18, 0x301, 1, 0, { 0 } };
  struct iovec iov = { data, 100 };
  struct msghdr m = { 0 };
  if (!strcmp(which, "socket")) return *more = (int)syscall(SYS_socket, family, type, protocol);
  if (!strcmp(which, "bind")) return syscall(SYS_bind, fd, to, to_size);
  if (!strcmp(which, "listen")) return syscall(SYS_listen, fd, 4);
  if (!strcmp(which, "connect")) return syscall(SYS_connect, fd, to, to_size);
  if (!strcmp(which, "accept")) return *more = (int)syscall(SYS_accept, fd, NULL, NULL);
  if (!strcmp(which, "accept4")) return *more = (int)syscall(SYS_accept4, fd, NULL, NULL, SOCK_CLOEXEC);
  if (!strcmp(which, "sendto")) return family == 16 ? syscall(SYS_sendto, fd, &ask, sizeof ask, 0, to, to_size)
    : syscall(SYS_sendto, fd, data, 100L, 0, type == SOCK_STREAM ? NULL : to, type == SOCK_STREAM ? 0 : to_size);
  m.msg_iov = &iov, m.msg_iovlen = 1;
  if (!strcmp(which, "close")) return syscall(SYS_close, fd);
  if (!strcmp(which, "sendmsg")) {
    m.msg_name = to, m.msg_namelen = to_size;
    return syscall(SYS_sendmsg, fd, &m, 0);
  }
  if (!strcmp(which, "recvmsg")) return syscall(SYS_recvmsg, fd, &m, MSG_DONTWAIT);
  struct { struct in_addr group, own; } join = { { htonl(0xe0000105) }, { htonl(INADDR_LOOPBACK) } };
  struct { unsigned short len; void *filter; } program;
  struct { unsigned short code; unsigned char yes, no; unsigned k; } all = { 6, 0, 0, 1000 };
  program.len = 1, program.filter = &all;
  if (!strcmp(which, "setsockopt")) return type == SOCK_DGRAM ? syscall(SYS_setsockopt, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join)
    : syscall(SYS_setsockopt, fd, SOL_SOCKET, 26, &program, sizeof program);
  int sizes[1] = { 0 };
  socklen_t n = sizeof sizes;
  return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, sizes, &n);
}

/* Brings the socket so far that the call can be made. */
static void prepare(const char *which, int fd, int *other) {
  int one = 1, client = !strcmp(which, "connect") || !strcmp(which, "close") || !strcmp(which, "sendmsg") || !strcmp(which, "sendto") || !strcmp(which, "recvmsg");
  if (!strcmp(which, "listen")) must(syscall(SYS_bind, fd, to, to_size));
  if (!strncmp(which, "accept", 6)) {
    listening(fd);
    must(syscall(SYS_connect, *other = made(), to, to_size));
  }
  if (!client || family == 16 || family == 17) {
    if (!strcmp(which, "recvmsg")) must(call("sendto", fd, NULL));
    return;
  }
  if (whole_head) must(setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof one));
  *other = made();
  if (type == SOCK_STREAM) listening(*other);
  else if (type == SOCK_DGRAM) must(syscall(SYS_bind, *other, to, to_size));
  if (strcmp(which, "connect") && type == SOCK_STREAM) must(syscall(SYS_connect, fd, to, to_size));
  if (!strcmp(which, "close") && type == SOCK_STREAM) close((int)must(accept(*other, NULL, NULL)));
  else if (!strcmp(which, "recvmsg") && type == SOCK_STREAM) {
    int s = (int)must(accept(*other, NULL, NULL));
    must(syscall(SYS_write, s, "abc", 3L));
    close(s);
  } else if (!strcmp(which, "recvmsg") && type == SOCK_DGRAM) {
    struct sockaddr_in own;
    socklen_t n = sizeof own;
    must(syscall(SYS_connect, fd, to, to_size));
    must(getsockname(fd, (struct sockaddr *)&own, &n));
    must(sendto(*other, "abc", 3, 0, (struct sockaddr *)&own, n));
  } else if (!strcmp(which, "recvmsg")) must(sendto(fd, "abc", 3, 0, to, to_size));
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  lo6.sin6_addr.s6_addr[15] = 1;
  for (int i = 0; i < atoi(argv[2]); i++) {
    int fd = -1, other = -1, more = -1, one = 1;
    lo.sin_port = lo6.sin6_port = htons((unsigned short)(5000 + i));
    kind(argv[3]);
    if (strcmp(argv[1], "socket")) {
      fd = made();
      if (strcmp(argv[1], "setsockopt") && family != 16) must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
      prepare(argv[1], fd, &other);
    }
    int before = descriptors();
    long r = call(argv[1], fd, &more);
    int e = errno;
    if (r != -1) say("ok");
    else if (descriptors() != before) say("%s, %d descriptors more", name(e), descriptors() - before);
    else say("%s", name(e));
    if (more != -1) close(more);
    if (other != -1) close(other);
    if (fd != -1 && strcmp(argv[1], "close")) close(fd);
  }
  return 0;
}
