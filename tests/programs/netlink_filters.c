/* Netlink sockets: what filters let through, of messages, of groups' and of dumps; how long senders wait, and for whom. */
// needs: root
#include "netlink.h"

struct filter { unsigned short code; unsigned char yes, no; unsigned k; };
struct filters { unsigned short count; struct filter *all; };
static char text[2048];

/* The socket takes this many bytes of each message. */
static void take(int fd, unsigned bytes) {
  struct filter f = { 6, 0, 0, bytes };
  struct filters p = { 1, &f };
  must(setsockopt(fd, SOL_SOCKET, 26, &p, sizeof p));
}
/* The socket takes only messages whose netlink type is this. */
static void take_type(int fd, unsigned char type) {
  struct filter f[] = { { 0x30, 0, 0, 4 }, { 0x15, 0, 1, type }, { 6, 0, 0, 65535 }, { 6, 0, 0, 0 } };
  struct filters p = { 4, f };
  must(setsockopt(fd, SOL_SOCKET, 26, &p, sizeof p));
}
static void got(const char *what, int fd) {
  memset(text, 0, sizeof text);
  long n = recv(fd, text, sizeof text, MSG_DONTWAIT);
  if (n == -1) say("%s: %s", what, nl_errname(errno));
  else say("%s: %ld, '%s'", what, n, text);
}

static void messages(void) {
  int a = nl_socket(USERSOCK), b = nl_socket(USERSOCK), c = nl_socket(USERSOCK);
  must(nl_bind(b, 77, 4)), must(nl_bind(c, 78, 4));
  take(b, 3);
  nl_show("cut by a filter", nl_sendto(a, "hello", 5, 77, 0, 0)), got("three", b);
  take(b, 0);
  nl_show("let through by none", nl_sendto(a, "hello", 5, 77, 0, 0)), got("nothing", b);
  nl_show("to a group", nl_sendto(a, "hello", 5, 0, 4, 0)), got("one of it", b), got("the other", c);
  take(b, 2);
  nl_show("to a group", nl_sendto(a, "hello", 5, 0, 4, 0)), got("one of it", b), got("the other", c);
  take(b, 0);
  must(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &(int){ 8192 }, 4));
  int n;
  for (n = 0; n < 100; n++) if (nl_sendto(a, text, 2000, 77, 0, MSG_DONTWAIT) != 2000) break;
  say("what is dropped fills no queue: %d", n);
  must(setsockopt(b, SOL_SOCKET, 27, &n, 4));
  nl_show("without the filter", nl_sendto(a, "hello", 5, 77, 0, 0)), got("all of it", b);
  close(a), close(b), close(c);
}

/* From the kernel: answers and dumps. */
static void kernel(void) {
  int a = nl_socket(0);
  struct { struct nl_head head; unsigned char body[16]; } ask = { { 32, 18, REQUEST | DUMP, 1, 0 }, { 0 } };
  take_type(a, DONE_TYPE);
  nl_show("a dump", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  nl_receive(a, "its links are dropped, and so it stops", text, sizeof text);
  nl_show("another is too many", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  nl_receive(a, "which would have been told", text, sizeof text);
  close(a);
  a = nl_socket(0);
  take_type(a, 16);
  nl_show("a dump", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  int links = 0;
  while (recv(a, text, sizeof text, MSG_DONTWAIT) > 0) links += ((struct nl_head *)text)->type == 16;
  say("links %d", links > 0);
  nl_receive(a, "its end is dropped", text, sizeof text);
  ask.head.type = 999, ask.head.flags = REQUEST | ACK;
  nl_show("a request that is none", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  nl_receive(a, "its answer is dropped", text, sizeof text);
  take_type(a, ERROR_TYPE);
  nl_show("again", nl_sendto(a, &ask, sizeof ask, 0, 0, 0));
  nl_receive(a, "its answer", text, sizeof text);
  close(a);
}

static void handler(int sig) { (void)sig; }

static void waiting(void) {
  int a = nl_socket(USERSOCK), b = nl_socket(USERSOCK);
  struct timeval tv = { 0, 40000 };
  must(nl_bind(b, 77, 0)), must(nl_bind(a, 76, 0));
  must(setsockopt(b, SOL_SOCKET, SO_RCVBUF, &(int){ 8192 }, 4));
  while (nl_sendto(a, text, 1024, 77, 0, MSG_DONTWAIT) > 0) continue;
  must(setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  nl_show("for a time", nl_sendto(a, text, 10, 77, 0, 0));
  tv.tv_sec = 5;
  must(setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  on_signal(SIGALRM, handler);
  struct itimerval t = { { 0, 0 }, { 0, 30000 } };
  must(setitimer(ITIMER_REAL, &t, NULL));
  nl_show("till a signal", nl_sendto(a, text, 10, 77, 0, 0));
  pid_t pid;
  CHILD(pid) { sleep_ms(50); _exit(0); }
  close(b);
  nl_show("for who is gone when another has it still", nl_sendto(a, text, 10, 77, 0, 0));
  say("%s", reap(pid));
  nl_show("to nobody", nl_sendto(a, text, 10, 77, 0, 0));
  tv = (struct timeval){ 0, 30000 };
  must(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  nl_show("receiving, for a time", recv(a, text, 10, 0));
  tv.tv_sec = 5;
  must(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  must(setitimer(ITIMER_REAL, &t, NULL));
  nl_show("receiving, till a signal", recv(a, text, 10, 0));
  CHILD(pid) { sleep_ms(30); nl_sendto(a, "late", 4, 76, 0, 0); _exit(0); }
  nl_show("till there is something", recv(a, text, 10, 0));
  say("%s", reap(pid));
  close(a);
}

int main(void) {
  messages();
  kernel();
  waiting();
  return 0;
}
