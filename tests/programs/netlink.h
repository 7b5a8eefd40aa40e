/* netlink.h: what of <linux/netlink.h> and <linux/genetlink.h> the programs use; not every C library brings them. */
#ifndef NETLINK_H
#define NETLINK_H
#include "check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct nl_address { unsigned short family, pad; unsigned pid, groups; };
struct nl_head { unsigned length; unsigned short type, flags; unsigned seq, pid; };
enum { REQUEST = 1, MULTI = 2, ACK = 4, DUMP = 0x300, ERROR_TYPE = 2, DONE_TYPE = 3, GENERIC = 16, USERSOCK = 2 };

static inline const char *nl_errname(int e) {
  return e == EADDRINUSE ? "EADDRINUSE" : e == ECONNREFUSED ? "ECONNREFUSED" : e == ENOBUFS ? "ENOBUFS" : e == EMSGSIZE ? "EMSGSIZE"
    : e == EPROTONOSUPPORT ? "EPROTONOSUPPORT" : e == ESOCKTNOSUPPORT ? "ESOCKTNOSUPPORT" : e == ENOPROTOOPT ? "ENOPROTOOPT" : e == EBUSY ? "EBUSY" : errname(e);
}
static inline long nl_show(const char *what, long result) {
  int e = errno;
  if (result == -1) say("%s: %s", what, nl_errname(e));
  else say("%s: %ld", what, result);
  errno = e;
  return result;
}
static inline int nl_socket(int protocol) { return (int)must(socket(16, SOCK_RAW | SOCK_CLOEXEC, protocol)); }
static inline int nl_bind(int fd, unsigned pid, unsigned groups) {
  struct nl_address a = { 16, 0, pid, groups };
  return bind(fd, (struct sockaddr *)&a, sizeof a);
}
static inline long nl_sendto(int fd, const void *data, size_t size, unsigned pid, unsigned groups, int flags) {
  struct nl_address a = { 16, 0, pid, groups };
  return sendto(fd, data, size, flags, (struct sockaddr *)&a, sizeof a);
}
static inline unsigned nl_pid(int fd) {
  struct nl_address a;
  socklen_t n = sizeof a;
  must(getsockname(fd, (struct sockaddr *)&a, &n));
  return a.pid;
}

/* A generic netlink message: attributes are put behind one another. */
struct nl_message { struct nl_head head; unsigned char cmd, version; unsigned short reserved; char rest[480]; };
static inline void nl_begin(struct nl_message *m, int type, int flags, unsigned seq, int cmd) {
  memset(m, 0, sizeof *m);
  m->head = (struct nl_head){ 20, (unsigned short)type, (unsigned short)(REQUEST | flags), seq, 0 };
  m->cmd = (unsigned char)cmd, m->version = 1;
}
static inline void nl_attr(struct nl_message *m, int type, const void *data, size_t size) {
  char *at = (char *)m + m->head.length;
  unsigned short head[2] = { (unsigned short)(4 + size), (unsigned short)type };
  memcpy(at, head, 4), memcpy(at + 4, data, size);
  m->head.length += (unsigned)(4 + ((size + 3) & ~(size_t)3));
}
static inline void nl_attr_u32(struct nl_message *m, int type, unsigned value) { nl_attr(m, type, &value, 4); }
static inline long nl_send(int fd, struct nl_message *m) { return nl_sendto(fd, m, m->head.length, 0, 0, 0); }
/* Print what kind of message comes next; answers its length. */
static inline long nl_receive(int fd, const char *what, void *buffer, size_t size) {
  long n = recv(fd, buffer, size, MSG_DONTWAIT);
  struct nl_head *h = buffer;
  if (n == -1) say("%s: %s", what, nl_errname(errno));
  else if (h->type == ERROR_TYPE) say("%s: error %s, %u bytes, seq %u", what, *(int *)(h + 1) ? nl_errname(-*(int *)(h + 1)) : "none", h->length, h->seq);
  else say("%s: type %u, flags %#x, %ld bytes, seq %u", what, h->type, h->flags, n, h->seq);
  return n;
}
/* The attribute of a type in a list of them, its data; NULL without one. */
static inline char *nl_find(char *at, long size, int type, int *length) {
  while (size >= 4) {
    unsigned short head[2];
    memcpy(head, at, 4);
    if (head[0] < 4 || head[0] > size) break;
    if ((head[1] & 0x3fff) == type) return *length = head[0] - 4, at + 4;
    long step = (head[0] + 3) & ~3;
    at += step, size -= step;
  }
  return NULL;
}
/* The number of a generic family, by its name. */
static inline int nl_family(int fd, const char *name) {
  struct nl_message m;
  int length;
  nl_begin(&m, GENERIC, 0, 1, 3);
  nl_attr(&m, 2, name, strlen(name) + 1);
  must(nl_send(fd, &m));
  long n = must(recv(fd, &m, sizeof m, 0));
  char *id = m.head.type == ERROR_TYPE ? NULL : nl_find((char *)&m + 20, n - 20, 1, &length);
  return id ? *(unsigned short *)id : -1;
}
#endif
