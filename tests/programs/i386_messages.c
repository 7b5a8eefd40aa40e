/* Sockets of a 32-bit program: several messages with one call, times and filters, whose structures are shorter. */
// needs: i386
// differs: today an option's length may not be negative, and an unknown filter is found before its memory
#include "check.h"
#include <linux/filter.h>
#include <sys/socket.h>

static long call(int number, long a, long b, long c, long d, long e) {
  long arguments[6] = {a, b, c, d, e, 0};
  return syscall(SYS_socketcall, number, arguments);
}

struct mm {
  struct { void *name; unsigned namelen; struct iovec *iov; unsigned iovlen; void *control; unsigned controllen, flags; } head;
  unsigned len;
};

int main(void) {
  int sv[2], one = 1;
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
  char text[3][8] = {"one", "two!", "three"}, got[3][8] = {{0}};
  struct iovec out[3] = {{text[0], 3}, {text[1], 4}, {text[2], 5}}, in[3] = {{got[0], 4}, {got[1], 3}, {got[2], 8}};
  struct mm to[3] = {0}, from[3] = {0};
  for (int i = 0; i < 3; i++) to[i].head.iov = &out[i], to[i].head.iovlen = 1, from[i].head.iov = &in[i], from[i].head.iovlen = 1;
  say("%zu bytes each", sizeof to[0]);
  show("sendmmsg", call(20, sv[0], (long)to, 3, 0, 0)), say("  %u %u %u", to[0].len, to[1].len, to[2].len);
  long when[2] = {3, 0}, wrong[2] = {0, 1000000000};
  show("recvmmsg", call(19, sv[1], (long)from, 3, 0, (long)when));
  say("  %u '%s' %u '%s' %x %u '%s', %d", from[0].len, got[0], from[1].len, got[1], from[1].head.flags, from[2].len, got[2], when[0] == 2 || when[0] == 3);
  show("a wrong time", call(19, sv[1], (long)from, 3, 0, (long)wrong)), show("a bad time", call(19, sv[1], (long)from, 3, 0, 8));
  show("by its number", syscall(345, sv[0], to, 2, 0)), show("by its number", syscall(337, sv[1], from, 3, MSG_DONTWAIT, 0));
  show("bad memory", call(20, sv[0], 8, 1, 0, 0));

  long tv[2] = {1, 5000}, back[2] = {0};
  int size = 8;
  show("RCVTIMEO", call(14, sv[0], 1, 20, (long)tv, 8)), show("RCVTIMEO", call(15, sv[0], 1, 20, (long)back, (long)&size)), say("  %ld %ld, %d", back[0], back[1], size);
  show("too short", call(14, sv[0], 1, 20, (long)tv, 7)), size = 7, show("too short", call(15, sv[0], 1, 20, (long)back, (long)&size));
  tv[1] = 1000000, show("too many microseconds", call(14, sv[0], 1, 20, (long)tv, 8)), show("bad memory", call(14, sv[0], 1, 21, 8, 8));
  tv[0] = 0, tv[1] = 20000, show("RCVTIMEO", call(14, sv[0], 1, 20, (long)tv, 1000)), show("recv", recv(sv[0], got, 1, 0));
  size = 100, show("SNDTIMEO", call(15, sv[0], 1, 21, (long)back, (long)&size)), say("  %ld %ld, %d", back[0], back[1], size);

  struct sock_filter first[] = {BPF_STMT(BPF_RET | BPF_K, 2)};
  struct { unsigned short len; void *filter; } program = {1, first};
  show("ATTACH_FILTER", call(14, sv[1], 1, 26, (long)&program, 0));
  must(send(sv[0], "abcdef", 6, 0)), show("what it lets through", recv(sv[1], got, 8, 0));
  show("bad memory", call(14, sv[1], 1, 26, 8, 8)), program.filter = NULL, show("none", call(14, sv[1], 1, 26, (long)&program, 8));
  show("PASSCRED, a negative length", call(14, sv[1], 1, SO_PASSCRED, (long)&one, -1)), show("another level", call(14, sv[1], 6, 20, (long)tv, 8));
  return 0;
}
