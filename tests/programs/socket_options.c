/* Options of sockets: their first values, what they may be set to, in which order mistakes are found; time-outs; filters. */
#include "check.h"
#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/un.h>
// needs: root
// differs: later kernels have more options, more room for buffers, and other limits

static int sv[2];
static char *bad;

static void get(const char *what, int fd, int option) {
  int n = -77;
  socklen_t len = sizeof n;
  if (getsockopt(fd, SOL_SOCKET, option, &n, &len)) say("%s: %s", what, errname(errno));
  else say("%s: %d, %u bytes", what, n, len);
}

static void set(const char *what, int option, int value) {
  errno = 0;
  if (setsockopt(sv[0], SOL_SOCKET, option, &value, sizeof value)) say("%s = %d: %s", what, value, errname(errno));
  else get(what, sv[0], option);
}

static void values(void) {
  static const struct { const char *name; int option; } all[] = {
    { "DEBUG", 1 }, { "REUSEADDR", 2 }, { "TYPE", 3 }, { "ERROR", 4 }, { "DONTROUTE", 5 }, { "BROADCAST", 6 },
    { "SNDBUF", 7 }, { "RCVBUF", 8 }, { "KEEPALIVE", 9 }, { "OOBINLINE", 10 }, { "NO_CHECK", 11 }, { "PRIORITY", 12 },
    { "BSDCOMPAT", 14 }, { "REUSEPORT", 15 }, { "PASSCRED", 16 }, { "RCVLOWAT", 18 }, { "SNDLOWAT", 19 },
    { "BINDTODEVICE", 25 }, { "ATTACH_FILTER", 26 }, { "DETACH_FILTER", 27 }, { "TIMESTAMP", 29 },
    { "ACCEPTCONN", 30 }, { "PEERSEC", 31 }, { "SNDBUFFORCE", 32 }, { "RCVBUFFORCE", 33 }, { "PASSSEC", 34 },
    { "TIMESTAMPNS", 35 }, { "MARK", 36 }, { "TIMESTAMPING", 37 }, { "PROTOCOL", 38 }, { "DOMAIN", 39 },
    { "RXQ_OVFL", 40 }, { "PEEK_OFF", 42 }, { "LOCK_FILTER", 44 }, { "COOKIE", 57 },
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    get(all[i].name, sv[0], all[i].option);
    if (all[i].option != 26 && all[i].option != 27 && all[i].option != 7 && all[i].option != 8)
      for (int value = -1; value < 3; value += value < 0 ? 3 : 1) set("  set", all[i].option, value), set("  set", all[i].option, 0);
  }
}

static void buffers(void) {
  static const int sizes[] = { 0, 1, 1000, 1120, 1121, 4096, 131071, 1 << 30, -1, 0x7fffffff };
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (i < 6) set("SNDBUF", SO_SNDBUF, sizes[i]), set("RCVBUF", SO_RCVBUF, sizes[i]);
    set("SNDBUFFORCE", SO_SNDBUFFORCE, sizes[i]), get("  SNDBUF", sv[0], SO_SNDBUF);
    set("RCVBUFFORCE", SO_RCVBUFFORCE, sizes[i]), get("  RCVBUF", sv[0], SO_RCVBUF);
  }
  for (int option = SO_SNDBUF; option <= SO_RCVBUF; option++) {
    int most = 1 << 30, less = -1, one, two;
    socklen_t size = 4;
    must(setsockopt(sv[0], SOL_SOCKET, option, &most, 4)), must(getsockopt(sv[0], SOL_SOCKET, option, &one, &size));
    must(setsockopt(sv[0], SOL_SOCKET, option, &less, 4)), must(getsockopt(sv[0], SOL_SOCKET, option, &two, &size));
    say("-1 is the most there may be: %d", one == two && one > 200000);
  }
  int half = 0, whole = 0;
  socklen_t len = 2;
  show("two bytes of four", getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &half, &len)), say("  %d, %u", half, len);
  len = 100;
  show("more than there is", getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &whole, &len)), say("  %u", len);
  len = 0;
  show("none", getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &whole, &len)), say("  %u", len);
  len = (socklen_t)-1;
  show("a negative length", getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &whole, &len));
  len = 4;
  show("into bad memory", getsockopt(sv[0], SOL_SOCKET, SO_TYPE, bad, &len));
  show("a bad length", getsockopt(sv[0], SOL_SOCKET, SO_TYPE, &whole, (socklen_t *)bad));
  show("a bad length, no option", getsockopt(sv[0], SOL_SOCKET, 99, &whole, (socklen_t *)bad));
  show("set, no option, short", setsockopt(sv[0], SOL_SOCKET, 99, &whole, 3));
  show("set, no option, bad memory", setsockopt(sv[0], SOL_SOCKET, 99, bad, 4));
  show("set, no option", setsockopt(sv[0], SOL_SOCKET, 99, &whole, 4));
  show("set, negative, no socket", setsockopt(0, SOL_SOCKET, 99, &whole, (socklen_t)-1));
  show("set, no socket", setsockopt(0, SOL_SOCKET, 99, &whole, 4));
  show("another level", setsockopt(sv[0], 6, 1, &whole, 4));
  show("another level", getsockopt(sv[0], 0, 1, &whole, &len));
}

static void linger(int on, int seconds, socklen_t size) {
  struct linger l = { on, seconds };
  show("LINGER", setsockopt(sv[0], SOL_SOCKET, SO_LINGER, &l, size));
  socklen_t len = sizeof l;
  must(getsockopt(sv[0], SOL_SOCKET, SO_LINGER, &l, &len));
  say("  %d %d, %u bytes", l.l_onoff, l.l_linger, len);
}

static void timeout(int option, long sec, long usec, socklen_t size) {
  struct timeval tv = { sec, usec };
  show("timeout", setsockopt(sv[0], SOL_SOCKET, option, &tv, size));
  socklen_t len = sizeof tv;
  must(getsockopt(sv[0], SOL_SOCKET, option, &tv, &len));
  say("  %ld.%06ld, %u bytes", (long)tv.tv_sec, (long)tv.tv_usec, len);
}

static long ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void timed(const char *what, long result, long start) {
  int e = errno;
  long took = ms() - start;
  say("%s: %s, %s", what, result == -1 ? errname(e) : "done", took < 40 ? "at once" : took < 400 ? "later" : "late");
}
#define TIMED(what, call) do { long start = ms(); timed(what, call, start); } while (0)

static void handler(int sig) { (void)sig; }

static void timeouts(void) {
  timeout(SO_RCVTIMEO, 0, 1, 16), timeout(SO_RCVTIMEO, 1, 4001, 16), timeout(SO_RCVTIMEO, 0, 1000000, 16);
  timeout(SO_RCVTIMEO, 0, -1, 16), timeout(SO_RCVTIMEO, 1, 1, 15), timeout(SO_RCVTIMEO, LONG_MAX, 5, 16);
  timeout(SO_RCVTIMEO, -1, 0, 16);
  char c;
  TIMED("a negative time", read(sv[0], &c, 1));
  timeout(SO_RCVTIMEO, 0, 50000, 24);
  TIMED("read", read(sv[0], &c, 1));
  TIMED("recv of nothing, at once", recv(sv[0], &c, 1, MSG_DONTWAIT));
  struct timeval tv = { 0, 50000 };
  must(setsockopt(sv[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  static char much[300000];
  TIMED("a write that is cut", write(sv[0], much, sizeof much) < 300000 ? 0 : -1);
  TIMED("a write", write(sv[0], much, 1));
  must(write(sv[1], "abc", 3));
  char four[4];
  TIMED("all of four, three came", recv(sv[0], four, 4, MSG_WAITALL) == 3 ? 0 : -1);
  struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };
  must(sigaction(SIGALRM, &sa, NULL));
  timeout(SO_RCVTIMEO, 2, 0, 16);
  struct itimerval it = { { 0, 0 }, { 0, 60000 } };
  must(setitimer(ITIMER_REAL, &it, NULL));
  TIMED("a signal, to be restarted", read(sv[0], &c, 1));
  int one = 3;
  must(setsockopt(sv[0], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one));
  timeout(SO_RCVTIMEO, 0, 50000, 16);
  must(write(sv[1], "ab", 2));
  TIMED("low water", read(sv[0], four, 4) == 2 ? 0 : -1);

  int more = 1 << 20;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
  pid_t pid;
  CHILD(pid) { sleep_ms(50); must(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUFFORCE, &more, sizeof more)); pause(); }
  TIMED("a buffer that grows lets a writer go on", write(sv[0], much, sizeof much) == sizeof much ? 0 : -1);
  kill(pid, SIGKILL), wait_for(pid);
  struct sockaddr_un name = { AF_UNIX, "" };
  memcpy(name.sun_path, "\0opts", 5);
  int l = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), c1 = (int)must(socket(AF_UNIX, SOCK_STREAM, 0)), c2 = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(l, (struct sockaddr *)&name, 7));
  must(listen(l, 0));
  must(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  must(setsockopt(c2, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  TIMED("accept", accept(l, NULL, NULL));
  must(connect(c1, (struct sockaddr *)&name, 7));
  TIMED("connect", connect(c2, (struct sockaddr *)&name, 7));
  get("ACCEPTCONN", l, SO_ACCEPTCONN);
  int a = (int)must(accept(l, NULL, NULL));
  socklen_t len = sizeof tv;
  must(getsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
  say("of the accepted: %ld.%06ld", (long)tv.tv_sec, (long)tv.tv_usec);
  struct sockaddr_un peer = { 0 };
  len = 7;
  show("PEERNAME", getsockopt(c1, SOL_SOCKET, SO_PEERNAME, &peer, &len)), say("  %u: %s", len, peer.sun_path + 1);
  len = 8;
  show("PEERNAME, more than there is", getsockopt(c1, SOL_SOCKET, SO_PEERNAME, &peer, &len));
  show("PEERNAME of nobody", getsockopt(l, SOL_SOCKET, SO_PEERNAME, &peer, &len));
}

static void attach(const char *what, struct sock_filter *code, unsigned short n, socklen_t size) {
  struct sock_fprog prog = { n, code };
  show(what, setsockopt(sv[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog, size));
}

static void came(const char *what, const void *data, size_t n) {
  char buf[64];
  show(what, write(sv[0], data, n));
  ssize_t got = recv(sv[1], buf, sizeof buf, MSG_DONTWAIT);
  if (got < 0) say("  %s", errname(errno));
  else say("  %zd: %.*s", got, (int)got, buf);
}

static void filters(void) {
  struct sock_filter ret = BPF_STMT(BPF_RET | BPF_K, 3), add = BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 3);
  struct sock_filter first_a[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 100), BPF_STMT(BPF_RET | BPF_K, 0) };
  /* The first byte, a digit, says how much of it to take: 2 * digit + 1. */
  struct sock_filter sums[] = { BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, '0'),
    BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
    BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 4), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 1), BPF_STMT(BPF_RET | BPF_A, 0) };
  struct sock_filter load[] = { BPF_STMT(BPF_LD | BPF_MEM, 3), ret }, out[] = { BPF_STMT(BPF_ST, 16), ret };
  struct sock_filter jump[] = { BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), ret }, zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ret };
  struct sock_filter modulo[] = { BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), ret };
  struct sock_filter proto[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF + SKF_AD_PROTOCOL), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 2), BPF_STMT(BPF_RET | BPF_A, 0) };
  struct sock_filter index[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF + SKF_AD_IFINDEX), BPF_STMT(BPF_RET | BPF_K, 9) };
  show("no filter", setsockopt(sv[1], SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, 4));
  attach("a filter", &ret, 1, 16);
  came("five bytes", "hello", 5);
  came("two bytes", "ab", 2);
  attach("size", &ret, 1, 12), attach("no instructions", &ret, 0, 16), attach("null", NULL, 1, 16);
  attach("bad memory", (void *)bad, 1, 16), attach("no end", &add, 1, 16), attach("too long", &ret, 5000, 16), attach("very long", (void *)bad, 4096, 16);
  attach("loads what was not stored", load, 2, 16), attach("outside its memory", out, 2, 16), attach("jumps out", jump, 2, 16);
  attach("by zero", zero, 2, 16), attach("modulo", modulo, 2, 16);
  came("still the first", "hello", 5);
  attach("a first", first_a, 4, 16);
  came("a", "abcd", 4), came("b", "bcd", 3), came("none", "", 0);
  attach("sums", sums, 10, 16);
  came("2", "2bcdefghij", 10), came("0", "0bcdefghij", 10), came("7", "7bcdefghij", 10);
  attach("protocol", proto, 3, 16), came("beside", "hello", 5);
  attach("interface", index, 2, 16), came("beside", "hello", 5);
  struct sock_filter unsure[] = { BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 2), BPF_STMT(BPF_LD | BPF_MEM, 2), ret };
  struct sock_filter sure[] = { BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_ST, 2), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 2), BPF_STMT(BPF_RET | BPF_A, 0) };
  struct sock_filter far[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), ret }, nothing[] = { BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_LD | BPF_IMM, 8), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), ret };
  struct sock_filter shift[] = { BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 33), BPF_STMT(BPF_RET | BPF_A, 0) }, negative[] = { BPF_STMT(BPF_LD | BPF_IMM, 3), BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 5), BPF_STMT(BPF_RET | BPF_A, 0) };
  static struct sock_filter long_[1500];
  for (int i = 0; i < 1499; i++) long_[i] = add;
  long_[1499] = ret;
  attach("one way stores, one does not", unsure, 5, 16), attach("both did", sure, 6, 16), came("one byte", "hello", 5);
  attach("a branch out", far, 2, 16), attach("by X, which is zero", nothing, 4, 16), came("dropped", "hello", 5);
  attach("a shift by 33", shift, 3, 16), came("two bytes", "hello", 5), attach("negative", negative, 4, 16), came("two bytes", "hello", 5);
  attach("a long one", long_, 1500, 16), attach("another before that is gone", long_, 1500, 16), came("beside", "hello", 5);
  show("detach", setsockopt(sv[1], SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, 4));
  came("all", "hello", 5);
}

static void stamp(int option, int on) {
  must(setsockopt(sv[1], SOL_SOCKET, option, &on, sizeof on));
  must(write(sv[0], "x", 1));
  char buf[8], control[128] __attribute__((aligned(8)));
  struct msghdr m = { .msg_iov = &(struct iovec){ buf, 8 }, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  must(recvmsg(sv[1], &m, 0));
  say("%d %d: %zu bytes, flags %x", option, on, (size_t)m.msg_controllen, m.msg_flags);
  for (size_t at = 0; at < m.msg_controllen;) {
    struct cmsghdr *c = (struct cmsghdr *)(control + at);
    at += (c->cmsg_len + 7) / 8 * 8;
    long when = c->cmsg_type == 2 ? 0 : *(long *)CMSG_DATA(c);
    say("  %d %d %zu, now %d", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len, when >= time(NULL) - 1 && when <= time(NULL));
  }
}

int main(void) {
  bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
  values();
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
  buffers();
  linger(1, 7, 8), linger(0, 3, 8), linger(1, 7, 4), linger(1, -1, 8), linger(1, -1, 9);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
  timeouts();
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
  filters();
  stamp(29, 1);
  must(write(sv[0], "x", 1)), sleep_ms(1200);
  char control[64] __attribute__((aligned(8))), byte;
  struct msghdr m = { .msg_iov = &(struct iovec){ &byte, 1 }, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  must(recvmsg(sv[1], &m, 0));
  say("sent a second ago: %d", time(NULL) - *(long *)CMSG_DATA((struct cmsghdr *)control) > 0);
  stamp(35, 1), stamp(29, 1), stamp(16, 1), stamp(29, 0), stamp(37, 127);
  show("BINDTODEVICE", setsockopt(sv[0], SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  show("BINDTODEVICE, none such", setsockopt(sv[0], SOL_SOCKET, SO_BINDTODEVICE, "nosuch", 6));
  show("BINDTODEVICE, long", setsockopt(sv[0], SOL_SOCKET, SO_BINDTODEVICE, "lo\0aaaaaaaaaaaaaaaaaaaaaa", 25));
  show("BINDTODEVICE, none", setsockopt(sv[0], SOL_SOCKET, SO_BINDTODEVICE, "", 0));
  show("BINDTODEVICE, bad memory", setsockopt(sv[0], SOL_SOCKET, SO_BINDTODEVICE, bad, 3));
  must(setresuid(1000, 1000, 1000));
  set("MARK of a user", 36, 1), set("DEBUG of a user", 1, 1), set("DEBUG of a user", 1, 0), set("PRIORITY of a user", 12, 6);
  set("PRIORITY of a user", 12, 7), set("PRIORITY of a user", 12, -1), set("SNDBUFFORCE of a user", 32, 1), set("RCVBUFFORCE of a user", 33, 1);
  show("BINDTODEVICE of a user", setsockopt(sv[0], SOL_SOCKET, SO_BINDTODEVICE, bad, 3));
  return 0;
}
