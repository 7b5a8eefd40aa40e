/* What a message is sent to: a name of no length, or too short, or none; and what of that binds a socket to a port. */
// needs: root
#include "check.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_storage name;

static long with_sendmsg(int fd, void *to, socklen_t length) {
  struct iovec piece = {"x", 1};
  struct msghdr message = {.msg_name = to, .msg_namelen = length, .msg_iov = &piece, .msg_iovlen = 1};
  return sendmsg(fd, &message, 0);
}

static long attempt(int fd, int how) {
  switch (how) {
  case 0: return write(fd, "x", 1);
  case 1: return sendto(fd, "x", 1, 0, (void *)&name, 0);
  case 2: return sendto(fd, "x", 1, 0, NULL, 16);
  case 3: return sendto(fd, "x", 1, 0, (void *)&name, 3);
  case 4: return sendto(fd, "x", 1, 0, (void *)&name, -1);
  case 5: return send(fd, "x", 1, MSG_OOB);
  case 6: return with_sendmsg(fd, &name, 0);
  case 7: return with_sendmsg(fd, NULL, 0);
  case 8: return recv(fd, &name, 1, MSG_DONTWAIT);
  default: return shutdown(fd, SHUT_WR);
  }
}

static void each(int family, int type, const char *what) {
  for (int how = 0; how < 10; how++) {
    if (how == 5 && family == AF_UNIX && type == SOCK_STREAM) continue; /* since 5.15 there is urgent data */
    int fd = must(socket(family, type, type == SOCK_RAW && family != AF_NETLINK ? 253 : 0));
    memset(&name, 0, sizeof name);
    name.ss_family = family;
    errno = 0;
    long got = attempt(fd, how);
    int error = got < 0 ? errno : 0;
    int bound = -1;
    if ((family == AF_INET || family == AF_INET6) && type != SOCK_RAW) {
      socklen_t size = sizeof name;
      must(getsockname(fd, (void *)&name, &size));
      bound = ((struct sockaddr_in *)&name)->sin_port != 0;
      memset(&name, 0, sizeof name);
      name.ss_family = family;
      if (bind(fd, (void *)&name, size) < 0) bound += errno * 10;
    }
    say("%s %d: %ld %d, bound %d", what, how, got, error, bound);
    close(fd);
  }
}

/* Urgent data in a datagram: IPv6 does not look, unless it is IPv4 in the end. */
static void urgent(const char *to) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
  must(inet_pton(AF_INET6, to, &a.sin6_addr));
  int fd = must(socket(AF_INET6, SOCK_DGRAM, 0));
  long got = sendto(fd, "x", 1, MSG_OOB, (void *)&a, sizeof a);
  say("urgent to %s: %ld %d", to, got, got < 0 ? errno : 0);
  int held = must(socket(AF_INET6, SOCK_DGRAM, 0));
  must(connect(held, (void *)&a, sizeof a));
  must(send(held, "x", 1, MSG_MORE));
  got = send(held, "y", 1, MSG_OOB | MSG_MORE);
  say("behind what is held back: %ld %d", got, got < 0 ? errno : 0);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  each(AF_INET, SOCK_STREAM, "tcp");
  each(AF_INET6, SOCK_STREAM, "tcp6");
  each(AF_INET, SOCK_DGRAM, "udp");
  each(AF_INET6, SOCK_DGRAM, "udp6");
  each(AF_INET, SOCK_RAW, "raw");
  each(AF_INET6, SOCK_RAW, "raw6");
  each(AF_UNIX, SOCK_STREAM, "unix stream");
  each(AF_UNIX, SOCK_DGRAM, "unix dgram");
  each(AF_UNIX, SOCK_SEQPACKET, "unix seqpacket");
  urgent("::1");
  urgent("::ffff:127.0.0.1");
  return 0;
}
