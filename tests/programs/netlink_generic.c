/* Generic netlink: errors and acknowledgements, the families there are. */
// needs: root
// differs: later kernels number and describe families otherwise, and refuse more
#include "netlink.h"

static char answer[4096];

static void ask(int fd, const char *what, struct nl_message *m) {
  must(nl_send(fd, m));
  nl_receive(fd, what, answer, sizeof answer);
}

int main(void) {
  struct nl_message m;
  int fd = nl_socket(GENERIC), length;
  nl_begin(&m, GENERIC, 0, 5, 3), nl_attr(&m, 2, "nlctrl", 7);
  ask(fd, "the family of families", &m);
  char *at = answer + 20;
  long n = ((struct nl_head *)answer)->length - 20;
  char *name = nl_find(at, n, 2, &length);
  if (name) say("name %s, %d bytes", name, length);
  for (int type = 1; type <= 5; type++) {
    char *value = nl_find(at, n, type, &length);
    if (value && type != 2) say("attribute %d: %d bytes, %u", type, length, length == 2 ? *(unsigned short *)value : *(unsigned *)value);
  }
  char *ops = nl_find(at, n, 6, &length);
  if (ops && (ops = nl_find(ops, length, 1, &length))) {
    int l = length;
    char *id = nl_find(ops, l, 1, &length), *flags = nl_find(ops, l, 2, &length);
    say("command %u, flags %#x", *(unsigned *)id, *(unsigned *)flags);
  }
  char *groups = nl_find(at, n, 7, &length);
  if (groups && (groups = nl_find(groups, length, 1, &length))) {
    int l = length;
    char *id = nl_find(groups, l, 2, &length), *group = nl_find(groups, l, 1, &length);
    say("group %s, %u", group, *(unsigned *)id);
  }
  nl_receive(fd, "no acknowledgement", answer, sizeof answer);
  nl_begin(&m, GENERIC, ACK, 6, 3), nl_attr(&m, 1, &(unsigned short){ 16 }, 2);
  ask(fd, "by number", &m);
  nl_receive(fd, "and an acknowledgement", answer, sizeof answer);
  nl_begin(&m, GENERIC, 0, 7, 3), nl_attr(&m, 2, "none", 5);
  ask(fd, "no such family", &m);
  say("the request comes back %d", !memcmp(answer + 20, &m, m.head.length));
  nl_begin(&m, GENERIC, 0, 8, 3);
  ask(fd, "nothing asked", &m);
  nl_begin(&m, GENERIC, 0, 9, 77);
  ask(fd, "no such command", &m);
  nl_begin(&m, 999, 0, 10, 3);
  ask(fd, "no such number", &m);
  nl_begin(&m, GENERIC, 0, 11, 3), nl_attr(&m, 2, "none", 4);
  ask(fd, "a name without its end", &m);
  nl_begin(&m, GENERIC, 0, 12, 3), nl_attr(&m, 2, "a name of more than 15", 23);
  ask(fd, "a long name", &m);
  nl_begin(&m, GENERIC, 0, 13, 3), nl_attr(&m, 1, "x", 1);
  ask(fd, "a short number", &m);
  nl_begin(&m, GENERIC, 0, 14, 3), m.head.length = 18;
  ask(fd, "a short message", &m);
  nl_begin(&m, GENERIC, 0, 15, 3), m.head.flags = ACK;
  ask(fd, "no request", &m);
  nl_begin(&m, 3, ACK, 16, 3);
  ask(fd, "a control message", &m);
  nl_begin(&m, GENERIC, ACK, 17, 3), m.head.length = 200;
  nl_show("longer than it is", nl_sendto(fd, &m, 40, 0, 0, 0));
  nl_receive(fd, "nothing", answer, sizeof answer);
  nl_show("no message at all", nl_sendto(fd, &m, 3, 0, 0, 0));
  nl_receive(fd, "nothing", answer, sizeof answer);
  struct nl_message two[2];
  nl_begin(&m, GENERIC, ACK, 18, 77), memcpy(two, &m, m.head.length);
  memcpy((char *)two + m.head.length, &m, m.head.length);
  ((struct nl_head *)((char *)two + m.head.length))->seq = 19;
  nl_show("two at once", nl_sendto(fd, two, 2 * m.head.length, 0, 0, 0));
  nl_receive(fd, "first", answer, sizeof answer);
  nl_receive(fd, "second", answer, sizeof answer);
  nl_begin(&m, GENERIC, DUMP | ACK, 20, 3);
  must(nl_send(fd, &m));
  n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
  say("a dump: type %u, flags %#x, seq %u", ((struct nl_head *)answer)->type, ((struct nl_head *)answer)->flags, ((struct nl_head *)answer)->seq);
  nl_receive(fd, "its end", answer, sizeof answer);
  nl_receive(fd, "no acknowledgement", answer, sizeof answer);
  must(nl_send(fd, &m));
  nl_begin(&m, GENERIC, DUMP, 21, 3);
  must(nl_send(fd, &m));
  say("a second dump before the end of the first: its first part %d", recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0);
  nl_receive(fd, "its error", answer, sizeof answer);
  while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0) continue;
  nl_begin(&m, GENERIC, 0x100, 22, 3);
  must(nl_send(fd, &m));
  n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
  say("one of its flags is enough: type %u, flags %#x", ((struct nl_head *)answer)->type, ((struct nl_head *)answer)->flags);
  int user = nl_socket(USERSOCK);
  nl_show("nobody in the kernel", nl_sendto(user, &m, sizeof m, 0, 0, 0));
  return 0;
}
