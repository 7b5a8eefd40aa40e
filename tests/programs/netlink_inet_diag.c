/* NETLINK_INET_DIAG: sockets of TCP, as ss asks for them: a dump, one socket, and filters. */
// needs: root
#include "netlink.h"
// differs: since 3.3 a dump is of one network; TCP's info is longer, and filters have other bounds

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

enum { INET_DIAG = 4, GETSOCK = 18, SERVER = 7001, SIX = 7002, NONE = 7009 };
enum { B_NOP, B_JMP, B_S_GE, B_S_LE, B_D_GE, B_D_LE, B_AUTO, B_S_COND, B_D_COND };

struct id { unsigned short sport, dport; unsigned src[4], dst[4], dev, cookie[2]; };
struct request { struct nl_head head; unsigned char family, src, dst, ext; struct id id; unsigned states, dbs; unsigned char rest[200]; };
struct answer { unsigned char family, state, timer, retrans; struct id id; unsigned expires, rqueue, wqueue, uid, inode; };
struct op { unsigned char code, yes; unsigned short no; };

static int s;
static unsigned seq;
static char buffer[32768];
static struct request r;
static struct answer last;
static char lines[40][300];
static int count;

static void begin(int flags, unsigned states) {
  memset(&r, 0, sizeof r);
  r.head = (struct nl_head){ 16 + 60, GETSOCK, (unsigned short)(REQUEST | flags), ++seq, 0 };
  r.family = AF_INET, r.states = states, r.id.cookie[0] = r.id.cookie[1] = ~0U;
}
static void code(const void *ops, unsigned size) {
  unsigned short head[2] = { (unsigned short)(4 + size), 1 };
  memcpy(r.rest, head, 4), memcpy(r.rest + 4, ops, size);
  r.head.length = 16 + 60 + ((4 + size + 3) & ~3U);
}
static const char *state_name(int state) {
  static const char *const names[] = { "?", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING" };
  return state < 12 ? names[state] : "?";
}
static const char *port(unsigned short be) {
  static char text[4][8];
  static int next;
  char *t = text[next++ % 4];
  int p = ntohs(be);
  if (p >= 7000 && p < 7100) snprintf(t, 8, "%d", p);
  else snprintf(t, 8, p ? "any" : "0");
  return t;
}
static void show_one(const struct answer *a, const char *rest, long size) {
  char line[300], *to = line, from[50], dest[50];
  inet_ntop(a->family, a->id.src, from, sizeof from), inet_ntop(a->family, a->id.dst, dest, sizeof dest);
  to += sprintf(to, "  %d %s %s:%s %s:%s timer %d retrans %d queues %u %u uid %u inode %d cookie %d", a->family, state_name(a->state), from, port(a->id.sport),
                dest, port(a->id.dport), a->timer, a->retrans, a->rqueue, a->wqueue, a->uid, a->inode != 0, (a->id.cookie[0] | a->id.cookie[1]) != 0);
  if (a->timer) to += sprintf(to, " expires in %u s", (a->expires + 500) / 1000);
  int length;
  for (int kind = 1; kind <= 6; kind++) {
    char *at = nl_find((char *)rest, size, kind, &length);
    if (at) to += sprintf(to, " %d:%d", kind, length);
    if (at && kind == 4) to += sprintf(to, "=%s", at);
    if (at && kind == 1) to += sprintf(to, "=%u", *(unsigned *)at);
  }
  if (count < 40) strcpy(lines[count++], line);
  else say("%s", line);
}
static int compare(const void *a, const void *b) { return strcmp(a, b); }
static void show_all(void) {
  qsort(lines, (size_t)count, sizeof lines[0], compare);
  for (int i = 0; i < count; i++) say("%s", lines[i]);
  count = 0;
}
/* A dump is in the order of hashes, so what it has is sorted. */
static void ask(const char *what) {
  struct nl_address to = { 16, 0, 0, 0 };
  must(sendto(s, &r, r.head.length, 0, (struct sockaddr *)&to, sizeof to));
  say("%s:", what);
  for (int done = 0; !done;) {
    long n = recv(s, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n <= 0) { show_all(), say("  %s", n ? nl_errname(errno) : "0"); return; }
    for (char *at = buffer; at - buffer + 16 <= n;) {
      struct nl_head h;
      memcpy(&h, at, 16);
      int error;
      memcpy(&error, at + 16, 4);
      if (h.type == DONE_TYPE) show_all(), say("  done"), done = 1;
      else if (h.type == ERROR_TYPE) say("  %s", error == -ESTALE ? "ESTALE" : error ? nl_errname(-error) : "ok"), done = 1;
      else {
        struct answer a;
        memcpy(&a, at + 16, sizeof a);
        int ours = ntohs(a.id.sport) / 100 == 70 || ntohs(a.id.dport) / 100 == 70;
        if (ours) last = a, show_one(&a, at + 16 + 72, (long)h.length - 16 - 72);
        if (ours && (h.type != GETSOCK || h.seq != seq || h.pid != nl_pid(s))) say("  type %u", h.type);
        if (!(h.flags & MULTI)) show_all(), done = 1;
      }
      at += (h.length + 3) & ~3U;
    }
  }
}
static void all(const char *what, unsigned states) { begin(DUMP, states), ask(what); }
static void filtered(const char *what, const void *ops, unsigned size) { begin(DUMP, 0xfff), code(ops, size), ask(what); }

static int listener(int family, int p) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((unsigned short)p) };
  struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)p) };
  int fd = (int)must(socket(family, SOCK_STREAM, 0)), one = 1;
  must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  must(family == AF_INET ? bind(fd, (struct sockaddr *)&a, sizeof a) : bind(fd, (struct sockaddr *)&a6, sizeof a6));
  must(listen(fd, 5));
  return fd;
}
/* A connection that was called for, and does not answer any more. */
static void half_open(void) {
  unsigned char t[20] = { 7050 >> 8, 7050 & 255, SERVER >> 8, SERVER & 255, 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 2, 16 };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct sock_filter none[] = { { 6, 0, 0, 0 } };
  struct sock_fprog program = { 1, none };
  int guard = listener(AF_INET, 7050), raw = (int)must(socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
  must(setsockopt(guard, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
  unsigned sum = 2 * (0x7f00 + 1) + 6 + 20;
  for (int i = 0; i < 20; i += 2) sum += t[i] * 256U + t[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum;
  t[16] = (unsigned char)(sum >> 8), t[17] = (unsigned char)sum;
  must(sendto(raw, t, 20, 0, (struct sockaddr *)&to, sizeof to));
  all("half open", 1 << 3);
  struct op automatic[] = { { B_AUTO, 4, 8 } };
  begin(DUMP, 1 << 3), code(automatic, 4), ask("and a port of its own choice");
  begin(DUMP, 1 << 3), r.id.dport = htons(7050), ask("to its port");
  begin(DUMP, 1 << 3), r.id.dport = htons(7051), ask("to another");
  close(guard), close(raw);
}
/* More than one part holds. */
static void many(void) {
  int fd[60];
  for (int i = 0; i < 60; i++) fd[i] = listener(AF_INET, 8000 + i);
  begin(DUMP, 1 << 10);
  must(nl_sendto(s, &r, r.head.length, 0, 0, 0));
  int sockets = 0, parts = 0;
  for (int done = 0; !done;) {
    long n = must(recv(s, buffer, sizeof buffer, MSG_DONTWAIT));
    parts++;
    for (char *at = buffer; at - buffer + 16 <= n;) {
      struct nl_head h;
      memcpy(&h, at, 16);
      if (h.type == DONE_TYPE) done = 1;
      else {
        struct answer a;
        memcpy(&a, at + 16, sizeof a);
        sockets += ntohs(a.id.sport) / 100 == 80;
      }
      at += (h.length + 3) & ~3U;
    }
  }
  say("many: %d, in several parts %d", sockets, parts > 2);
  for (int i = 0; i < 60; i++) close(fd[i]);
}
/* From one port of ours to another. */
static int call(int from, int to) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((unsigned short)from) };
  int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0)), one = 1;
  must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  if (from) must(bind(fd, (struct sockaddr *)&a, sizeof a));
  a.sin_port = htons((unsigned short)to);
  must(connect(fd, (struct sockaddr *)&a, sizeof a));
  return fd;
}

static void one_of(void) {
  static const unsigned lo[4] = { 0x0100007f }, mapped[4] = { 0, 0, 0xffff0000, 0x0100007f };
  begin(0, 0);
  r.id.sport = htons(SERVER), memcpy(r.id.src, lo, 16);
  ask("who listens");
  begin(0, 0), r.id = last.id;
  ask("with its cookie");
  r.id.cookie[0] ^= 16;
  ask("with another");
  begin(0, 0);
  r.id.sport = htons(7003), r.id.dport = htons(SERVER), memcpy(r.id.src, lo, 16), memcpy(r.id.dst, lo, 16);
  ask("a connection");
  r.id.sport = htons(SERVER), r.id.dport = htons(7003);
  ask("its other end");
  r.id.sport = htons(NONE);
  ask("none");
  r.id.sport = htons(SIX), r.id.dport = htons(7008);
  ask("who listens for both versions");
  r.id.dport = htons(7004);
  ask("its connection");
  begin(0, 0);
  r.family = AF_INET6, r.id.sport = htons(SIX);
  ask("who listens, IPv6");
  r.id.sport = htons(SIX), r.id.dport = htons(7004), memcpy(r.id.src, mapped, 16), memcpy(r.id.dst, mapped, 16);
  ask("a connection, IPv6");
  r.family = AF_UNIX;
  ask("another family");
}
static void filters(void) {
  struct op from[] = { { B_S_GE, 8, 12 }, { B_NOP, 4, SERVER } };
  filtered("from a port", from, sizeof from);
  struct op up_to[] = { { B_S_LE, 8, 12 }, { B_NOP, 4, SERVER } };
  filtered("up to a port", up_to, sizeof up_to);
  struct op dest_from[] = { { B_D_GE, 8, 12 }, { B_NOP, 4, 7003 } };
  filtered("to a port and above", dest_from, sizeof dest_from);
  struct op dest_to[] = { { B_D_LE, 8, 12 }, { B_NOP, 4, SERVER } };
  filtered("to a port and below", dest_to, sizeof dest_to);
  struct op automatic[] = { { B_AUTO, 4, 8 } };
  filtered("with a port of its own choice", automatic, sizeof automatic);
  struct op all_of_them[] = { { B_NOP, 4, 0 } };
  filtered("all", all_of_them, sizeof all_of_them);
  struct op nobody[] = { { B_JMP, 4, 8 } };
  filtered("nobody", nobody, sizeof nobody);
  filtered("no operand", from, 4);
  struct op either[] = { { B_D_GE, 8, 12 }, { B_NOP, 4, 7004 }, { B_JMP, 4, 12 }, { B_S_GE, 8, 12 }, { B_NOP, 4, 7004 } };
  filtered("either", either, sizeof either);
  struct { struct op op; unsigned char family, prefix; short pad; int port; unsigned char address[4]; } host = { { B_S_COND, 16, 20 }, AF_INET, 0, 0, SERVER, { 0 } };
  filtered("a port", &host, sizeof host);
  host.op.code = B_D_COND;
  filtered("the other's port", &host, sizeof host);
  host.port = -1, host.prefix = 8, memcpy(host.address, "\177\1\2\3", 4);
  filtered("a network", &host, sizeof host);
  host.prefix = 13;
  filtered("a part of it", &host, sizeof host);
  host.prefix = 32;
  filtered("another address", &host, sizeof host);
  memset(host.address, 0, 4);
  filtered("no address", &host, sizeof host);
  host.prefix = 0;
  filtered("any", &host, sizeof host);
  filtered("less than its head", &host, 8);
  struct { struct op op; unsigned char family, prefix; short pad; int port; unsigned char address[16]; } six = { { B_S_COND, 28, 32 }, AF_INET6, 128, 0, -1, { 0 } };
  filtered("any address of IPv6", &six, sizeof six);
  six.prefix = 8;
  filtered("what begins as it", &six, sizeof six);
  struct op bad[][2] = { { { B_NOP, 12, 0 }, { B_NOP, 4, 0 } }, { { B_NOP, 0, 0 }, { B_NOP, 4, 0 } }, { { B_JMP, 4, 3 }, { B_NOP, 4, 0 } }, { { B_JMP, 4, 16 }, { B_NOP, 4, 0 } },
    { { 9, 4, 4 }, { B_NOP, 4, 0 } }, { { B_NOP, 6, 0 }, { B_NOP, 4, 0 } }, { { B_JMP, 8, 4 }, { B_NOP, 4, 0 } }, { { B_NOP, 8, 0 }, { B_NOP, 3, 0 } } };
  static const char *const why[] = { "longer than all", "a step of 0", "a jump back", "a jump beyond", "an unknown one", "a step between", "into what is skipped", "never looked at" };
  for (int i = 0; i < 8; i++) begin(DUMP, 1), code(bad[i], 8), ask(why[i]);
  begin(DUMP, 1), code("", 0), ask("none");
  begin(DUMP, 1), code(bad, 3), ask("less than one");
  begin(DUMP, 1), code(bad, 6), ask("one and a half");
  begin(DUMP, 1), code(all_of_them, 4), r.rest[2] = 9, ask("an attribute of another kind");
  begin(DUMP, 1), code(all_of_them, 4), r.rest[0] = 2, ask("an attribute too short");
}

int main(void) {
  s = nl_socket(INET_DIAG);
  int l = listener(AF_INET, SERVER), six = listener(AF_INET6, SIX);
  all("who listens", 1 << 10);
  int c = call(7003, SERVER), a = (int)must(accept(l, NULL, NULL));
  int c6 = call(7004, SIX), a6 = (int)must(accept(six, NULL, NULL)), waiting = call(0, SERVER);
  all("all", 0xfff);
  must(send(c, "hello", 5, 0));
  begin(DUMP, 1 << 1), r.ext = 0x3f, r.id.dport = htons(SERVER);
  ask("to one port, with everything");
  begin(DUMP, 1 << 1), r.ext = 0x3f, r.id.sport = htons(SERVER);
  ask("from one port");
  begin(DUMP, 1 << 10), r.ext = 8;
  ask("how they avoid congestion");
  one_of();
  filters();
  half_open();
  many();
  int one = 1;
  must(setsockopt(c6, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
  begin(DUMP, 1 << 1), r.id.sport = htons(7004), ask("kept alive");
  shutdown(c6, SHUT_WR);
  all("half closed", 0xfff & ~2U);
  close(a6), close(c);
  all("some closed", 0xfff & ~(2U | 1 << 10));
  sleep_ms(300);
  all("asked for in FIN_WAIT2", 1 << 5), all("in TIME_WAIT", 1 << 6);
  begin(DUMP, 1 << 6), r.id.sport = htons(7004), ask("at its end");
  begin(0, 0), r.id.sport = htons(7004), r.id.dport = htons(SIX), r.id.src[0] = r.id.dst[0] = 0x0100007f, ask("that one");
  shutdown(a, SHUT_RDWR);
  all("what is left", 0xfff & ~(2U | 1 << 10));
  struct op nothing[] = { { B_AUTO, 4, 8 } };
  begin(DUMP, 1 << 6), code(nothing, 4), ask("with a port of its own choice");
  begin(0, 0), r.head.length -= 4, ask("too short");
  begin(DUMP, 1), r.head.length -= 4, ask("a dump, too short");
  begin(DUMP, 1), r.head.type = 24, ask("an unknown type");
  begin(0, 1), r.head.type = 19, ask("DCCP");
  begin(DUMP, 1), r.head.type = 19, ask("all of DCCP");
  close(l), close(a), close(six), close(c6), close(waiting), close(s);
  return 0;
}
