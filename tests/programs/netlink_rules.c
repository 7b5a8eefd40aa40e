/* NETLINK_ROUTE: the rules that say which table a route is looked for in. Those of multicast routing are left out. */
// a real 3.2.4: has no rules if it is built without CONFIG_IP_MULTIPLE_TABLES: EOPNOTSUPP then
#include "netlink.h"

static char buffer[8192];

static void ask(const char *what, int family, int flags) {
  int fd = nl_socket(0), rules = 0;
  struct { struct nl_head head; unsigned char body[12]; } m = { { 28, 34, (unsigned short)(REQUEST | flags), 5, 0 }, { 0 } };
  m.body[0] = (unsigned char)family;
  must(nl_sendto(fd, &m, sizeof m, 0, 0, 0));
  for (long n; (n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
    for (char *at = buffer; at - buffer + 16 <= n;) {
      struct nl_head h;
      memcpy(&h, at, 16);
      int length, error;
      memcpy(&error, at + 16, 4);
      if (h.type == DONE_TYPE || h.type == ERROR_TYPE) say("%s: type %u flags %#x own %d, %s", what, h.type, h.flags, h.pid == nl_pid(fd), error == -EAFNOSUPPORT ? "EAFNOSUPPORT" : error ? nl_errname(-error) : "ok");
      else if ((unsigned char)at[16] < 128) {
        char text[64] = "", *to = text;
        for (int i = 16; i < 28; i++) to += sprintf(to, "%02x", (unsigned char)at[i]);
        char *table = nl_find(at + 28, h.length - 28, 15, &length), *preference = nl_find(at + 28, h.length - 28, 6, &length);
        say("%s: type %u flags %#x seq %u, %s, table %d, preference %d", what, h.type, h.flags, h.seq, text, table ? *(int *)table : -1, preference ? *(int *)preference : -1);
        rules++;
      }
      at += (h.length + 3) & ~3U;
    }
  say("%s: %d", what, rules);
  close(fd);
}

int main(void) {
  ask("all", 0, DUMP);
  ask("IPv4", AF_INET, DUMP);
  ask("IPv6", AF_INET6, DUMP);
  ask("AF_UNIX", AF_UNIX, DUMP);
  ask("nobody's", 99, DUMP);
  ask("one", AF_INET, 0);
  return 0;
}
