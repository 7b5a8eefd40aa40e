/* NETLINK_ROUTE: interfaces, addresses and routes of a network, what is changed about them, and who is told. */
#include "netlink.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>
// needs: root
// differs: today lo is number 1 everywhere and longer, tells more of itself, and whoever owns a network may change it

static int s, lo;
static unsigned seq;
static char buffer[8192];

struct ask { struct nl_head head; char rest[256]; };
static struct ask m;

static void begin(int type, int flags, const void *body, unsigned size) {
  memset(&m, 0, sizeof m);
  m.head = (struct nl_head){ 16 + size, (unsigned short)type, (unsigned short)(REQUEST | flags), ++seq, 0 };
  memcpy(m.rest, body, size);
}
static void attr(int type, const void *data, unsigned size) {
  char *at = (char *)&m + ((m.head.length + 3) & ~3U);
  unsigned short head[2] = { (unsigned short)(4 + size), (unsigned short)type };
  memcpy(at, head, 4), memcpy(at + 4, data, size);
  m.head.length = (unsigned)(at - (char *)&m) + 4 + size;
}

/* The attributes in the order they come; those that are the same on every machine are shown. */
static void attributes(int type, const char *at, const char *end) {
  char line[900] = "", *to = line;
  while (end - at >= 4) {
    unsigned short len, kind;
    memcpy(&len, at, 2), memcpy(&kind, at + 2, 2);
    if (len < 4) break;
    to += sprintf(to, " %u:", kind);
    int times = ((type == 20 || type == 21) && kind == 6) || (type == 24 && kind == 12) || (type == 16 && (kind == 26 || kind == 7 || kind == 23 || kind == 14));
    if (times || len > 40) to += sprintf(to, "(%u)", len - 4);
    else for (int i = 4; i < len; i++) to += sprintf(to, "%02x", (unsigned char)at[i]);
    at += (len + 3) & ~3;
  }
  say(" %s", line);
}

static void answers(int fd, const char *what) {
  for (;;) {
    long n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n <= 0) { say("%s: %s", what, n ? nl_errname(errno) : "0"); return; }
    for (char *at = buffer; at - buffer + 16 <= n;) {
      struct nl_head h;
      memcpy(&h, at, 16);
      int error;
      memcpy(&error, at + 16, 4);
      say("%s: type %u flags %#x own %d %d, %u bytes", what, h.type, h.flags, h.seq == seq, h.pid == nl_pid(fd), h.length);
      char text[64] = "", *to = text;
      int head = h.type == 16 || h.type == 17 ? 16 : h.type == 24 ? 12 : 8;
      if (h.type == ERROR_TYPE) say("  %s", error == -EADDRNOTAVAIL ? "EADDRNOTAVAIL" : error ? nl_errname(-error) : "ok");
      else if (h.type >= 16) {
        for (int i = 0; i < head; i++) to += sprintf(to, "%02x", (unsigned char)at[16 + i]);
        say("  %s", text);
        attributes(h.type, at + 16 + head, at + h.length);
      }
      at += (h.length + 3) & ~3U;
    }
  }
}
static void ask(const char *what) { must(nl_sendto(s, &m, m.head.length, 0, 0, 0)), answers(s, what); }

struct link { unsigned char family, pad; unsigned short type; int index; unsigned flags, change; };
struct addr { unsigned char family, prefix, flags, scope; unsigned index; };
struct route { unsigned char family, dst, src, tos, table, protocol, scope, type; unsigned flags; };

static void link_(int type, int flags, int index, unsigned set, unsigned change) {
  begin(type, flags, &(struct link){ 0, 0, 0, index, set, change }, 16);
}
static void addr(int type, int flags, int family, int prefix, int index) {
  begin(type, flags, &(struct addr){ (unsigned char)family, (unsigned char)prefix, 0, 0, (unsigned)index }, 8);
}
static void all(const char *what) {
  link_(18, DUMP, 0, 0, 0), ask(what), addr(22, DUMP, 0, 0, 0), ask("  addresses");
  begin(26, DUMP, &(struct route){ .family = AF_INET }, 12), ask("  routes"), begin(26, DUMP, &(struct route){ .family = AF_INET6 }, 12), ask("  routes 6");
}

/* The IPv6 side of interfaces: which attributes there are, and how long. */
static void sides(void) {
  long n;
  while ((n = recv(s, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
    struct nl_head h;
    memcpy(&h, buffer, 16);
    say("sides: type %u flags %#x, %u bytes", h.type, h.flags, h.length);
    if (h.type != 16) continue;
    for (char *at = buffer + 32; buffer + h.length - at >= 4;) {
      unsigned short len, kind;
      memcpy(&len, at, 2), memcpy(&kind, at + 2, 2);
      say("  %u: %u bytes", kind & 0x3fff, len);
      at += (kind & 0x3fff) == 12 ? 4 : (len + 3) & ~3;
    }
  }
}

int main(void) {
  must(unshare(CLONE_NEWNET));
  lo = (int)if_nametoindex("lo");
  s = nl_socket(0);
  int group = nl_socket(0);
  must(nl_bind(s, 0, 0)), must(nl_bind(group, 0, 1 | 1 << 4 | 1 << 8));
  all("down");
  link_(18, 0, lo, 0, 0), ask("one"), link_(18, 0, 99, 0, 0), ask("no such"), link_(18, 0, 0, 0, 0), ask("which"), link_(18, 0, 0, 0, 0), attr(3, "lo", 3), ask("by name");
  link_(18, 0, 0, 0, 0), attr(3, "a name that is too long", 24), ask("a long name"), link_(18, 0, lo, 0, 0), attr(28, "abcd", 4), ask("attribute 28"), link_(18, 0, lo, 0, 0), attr(29, "abcd", 4), ask("attribute 29");
  begin(18, 0, "abcdefgh", 8), ask("a short one"), begin(22, 0, &(struct addr){ .family = 0 }, 8), ask("GETADDR of one"), begin(84, 0, "x", 1), ask("type 84"), begin(23, 0, &(struct addr){ .family = 0 }, 8), ask("type 23");
  begin(18, ACK, "", 0), ask("empty"), begin(15, ACK, "abcd", 4), ask("type 15"), begin(30, DUMP, &(struct addr){ .family = AF_INET }, 8), ask("neighbours");
  link_(16, ACK, lo, 1, 1), ask("up"), answers(group, "told");
  all("up");
  link_(16, ACK, lo, 0, 0), attr(4, &(int){ 1500 }, 4), attr(13, &(int){ 9 }, 4), attr(27, &(int){ 5 }, 4), attr(20, "alias", 5), ask("changes"), answers(group, "told"), link_(18, 0, lo, 0, 0), ask("one");
  link_(16, ACK, lo, 0, 0), attr(3, "xx", 3), ask("a name, while up"), link_(16, ACK, lo, 0, 0), attr(1, "abcdef", 6), ask("a hardware address"), link_(16, ACK, lo, 0, 0), attr(1, "abc", 3), ask("a short one");
  link_(16, ACK, lo, 0, 0), attr(4, &(int){ -1 }, 4), ask("MTU"), link_(16, ACK, lo, 0, 0), attr(4, "ab", 2), ask("a short MTU"), link_(16, ACK, lo, 0, 0), attr(19, &(int){ 1 }, 4), ask("another network");
  link_(16, ACK | 0x200, lo, 0, 0), ask("EXCL"), link_(16, ACK | 0x100, lo, 0, 0), ask("REPLACE"), link_(16, ACK, 99, 0, 0), ask("no such"), link_(16, ACK | 0x400, 0, 0, 0), attr(3, "new", 4), ask("CREATE"), link_(16, ACK, 0, 0, 0), ask("which");
  link_(17, ACK, lo, 0, 0), ask("DELLINK"), link_(17, ACK, 98, 0, 0), ask("DELLINK"), link_(17, ACK, 0, 0, 0), ask("DELLINK"), link_(19, ACK, 0, 0, 0), ask("SETLINK"), link_(19, ACK, lo, 0x1000, 0x1000), ask("SETLINK"), answers(group, "told");

  unsigned char ten[4] = { 10, 1, 2, 3 }, ten2[4] = { 10, 1, 2, 4 }, last[4] = { 10, 1, 2, 255 }, six[16] = { 0xfd, 1, [15] = 7 }, link6[16] = { 0xfe, 0x80, [15] = 8 };
  addr(20, ACK, AF_INET, 24, lo), attr(2, ten, 4), attr(1, ten, 4), attr(4, last, 4), attr(3, "lo:1", 5), ask("NEWADDR"), answers(group, "told");
  addr(20, ACK, AF_INET, 24, lo), attr(2, ten2, 4), ask("another of that net"), addr(20, ACK, AF_INET, 24, lo), attr(2, ten, 4), ask("again"), addr(20, ACK, AF_INET, 33, lo), attr(2, ten, 4), ask("a long prefix");
  addr(20, ACK, AF_INET, 24, lo), ask("no address"), addr(20, ACK, AF_INET, 24, 99), attr(2, ten, 4), ask("no such interface"), addr(20, ACK, AF_INET, 24, lo), attr(2, ten, 2), ask("a short address");
  addr(20, ACK, AF_INET6, 64, lo), attr(1, six, 16), ask("NEWADDR 6"), addr(20, ACK, AF_INET6, 64, lo), attr(1, six, 16), ask("again"), addr(20, ACK, AF_INET6, 129, lo), attr(1, ten, 4), ask("too short");
  answers(group, "told");
  addr(22, DUMP, AF_INET, 0, 0), ask("addresses"), begin(26, DUMP, &(struct route){ .family = AF_INET }, 12), ask("routes"), addr(22, DUMP, AF_INET6, 0, 0), ask("addresses 6");
  addr(21, ACK, AF_INET, 24, lo), attr(2, last, 4), ask("DELADDR of none"), addr(21, ACK, AF_INET, 24, 99), attr(2, ten, 4), ask("no such interface"), addr(21, ACK, AF_INET, 24, lo), attr(2, ten, 4), ask("DELADDR"), answers(group, "told");
  addr(21, ACK, AF_INET6, 63, lo), attr(1, six, 16), ask("DELADDR 6, another prefix"), addr(21, ACK, AF_INET6, 64, lo), attr(1, six, 16), ask("DELADDR 6"), answers(group, "told");
  addr(20, ACK, AF_INET6, 128, lo), attr(2, six, 16), ask("a local one"), addr(20, ACK | 0x100, AF_INET6, 64, lo), attr(1, six, 16), ask("REPLACE"), addr(20, ACK, AF_INET6, 64, lo), ask("no address 6");
  addr(20, ACK, AF_INET6, 64, lo), attr(2, six, 16), attr(1, link6, 16), ask("two addresses 6"), addr(20, ACK, AF_INET6, 129, lo), attr(1, link6, 16), ask("a long prefix 6"), addr(20, ACK, AF_INET6, 64, 99), attr(1, link6, 16), ask("no such interface 6");
  addr(20, ACK, AF_INET6, 10, lo), attr(1, link6, 16), ask("of the link"), answers(group, "told"), addr(22, DUMP, AF_INET6, 0, 0), ask("addresses 6");
  addr(21, ACK, AF_INET6, 129, lo), attr(1, six, 16), ask("DELADDR 6, a long prefix"), addr(21, ACK, AF_INET6, 128, 99), attr(1, six, 16), ask("no such interface"), addr(21, ACK, AF_INET6, 128, lo), attr(1, six, 15), ask("a short address"), addr(21, ACK, AF_INET6, 128, lo), attr(1, six, 16), ask("DELADDR 6"), answers(group, "told");
  link_(16, ACK, 0, 0, 0), attr(27, &(int){ 5 }, 4), attr(13, &(int){ 77 }, 4), ask("a group"), answers(group, "told"), link_(16, ACK, 0, 0, 0), attr(27, &(int){ 6 }, 4), attr(13, &(int){ 78 }, 4), ask("a group of none"), link_(18, 0, lo, 0, 0), ask("one");
  link_(16, ACK, lo, 0, 0), attr(10, &(int){ 1 }, 4), ask("a master"), link_(16, ACK, lo, 0, 0), attr(10, &(int){ 0 }, 4), ask("no master"), link_(16, ACK, lo, 0, 0), attr(17, "\1", 1), ask("a link mode"), answers(group, "told"), link_(16, ACK, lo, 0, 0), attr(17, "", 1), ask("none"), answers(group, "told");
  begin(18, DUMP, &(struct link){ .family = AF_INET6 }, 16), must(nl_sendto(s, &m, m.head.length, 0, 0, 0)), sides();
  link_(16, ACK, lo, 0, 1), ask("down"), answers(group, "told");
  all("down again");
  link_(16, ACK, lo, 1, 1), ask("up again"), answers(group, "told");

  struct ifaddrs *list, *one;
  must(getifaddrs(&list));
  for (one = list; one; one = one->ifa_next) say("%s %d %#x", one->ifa_name, one->ifa_addr ? one->ifa_addr->sa_family : -1, one->ifa_flags & 0xffff);
  struct if_nameindex *names = if_nameindex();
  say("if_nameindex: %s, %d more", names->if_name, names[1].if_index != 0);
  begin(18, DUMP, &(struct link){ .family = 0 }, 16), must(nl_sendto(s, &m, m.head.length, 0, 0, 0)), m.head.seq = ++seq, must(nl_sendto(s, &m, m.head.length, 0, 0, 0));
  answers(s, "two dumps");
  must(setresuid(1000, 1000, 1000));
  link_(16, ACK, lo, 0, 1), ask("a user sets it down"), link_(18, 0, lo, 0, 0), ask("and looks"), addr(20, ACK, AF_INET, 24, lo), ask("NEWADDR of a user");
  return 0;
}
