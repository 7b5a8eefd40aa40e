/* /proc/net/tcp, udp, raw and those of IPv6: a line of each kind of socket. */
// needs: root
// differs: times, buffers and windows; an address of a socket is no secret
#include "raw_peer.h"

#include <sys/fsuid.h>

static char lines[60][400];
static int count;

static int compare(const void *a, const void *b) { return strcmp(a, b); }
static int is_ours(const char *at) {
  unsigned p = 0;
  const char *colon = strchr(at, ':');
  return colon && sscanf(colon + 1, "%4x", &p) == 1 && p >= 7000 && p < 7100;
}
/* The lines with a port of ours, without numbers of their own: sorted, as 3.2 has them in the order of a hash. */
static void table(const char *what, const char *name, int all) {
  char path[40], text[300];
  snprintf(path, sizeof path, "/proc/net/%s", name);
  FILE *f = fopen(path, "r");
  say("%s:", what);
  must(f && fgets(text, sizeof text, f) ? 0 : -1);
  for (count = 0; fgets(text, sizeof text, f) && count < 60;) {
    char local[50], remote[50], state[8], queues[30], timer[30], retrans[12], rest[120] = "";
    unsigned uid, timeout, which = 0, when = 0;
    unsigned long inode;
    int at = 0;
    if (sscanf(text, " %*[^:]: %49s %49s %7s %29s %29s %11s %u %u %lu%n", local, remote, state, queues, timer, retrans, &uid, &timeout, &inode, &at) < 9) {
      say("FAILED %s", text);
      continue;
    }
    if (!all && !is_ours(local) && !is_ours(remote)) continue;
    sscanf(timer, "%x:%x", &which, &when);
    if (strrchr(local, ':')[1] > '7') strcpy(strrchr(local, ':'), ":any");
    if (strrchr(remote, ':')[1] > '7') strcpy(strrchr(remote, ':'), ":any");
    char *word, *line = lines[count++];
    for (word = strtok(text + at, " \n"); word; word = strtok(NULL, " \n"))
      strcat(rest, " "), strcat(rest, strlen(word) == 16 ? strspn(word, "0") == 16 ? "0" : "address" : word);
    snprintf(line, sizeof lines[0], "  %s %s %s %s timer %u of %u s, %s uid %u %u inode %d%s", local, remote, state, queues, which, which ? (when + 10) / 100 : 0, retrans, uid, timeout, inode != 0, rest);
  }
  fclose(f);
  qsort(lines, (size_t)count, sizeof lines[0], compare);
  for (int i = 0; i < count; i++) say("%s", lines[i]);
}
static int call_at(int port) {
  struct sockaddr_in a = at(port);
  int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect(fd, (struct sockaddr *)&a, sizeof a));
  return fd;
}

static void streams(void) {
  own = 7000;
  guard();
  setfsuid(1000);
  int l7 = (int)must(socket(AF_INET6, SOCK_STREAM, 0));
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(7060) };
  must(bind(l7, (struct sockaddr *)&six, sizeof six));
  must(listen(l7, 3));
  int waiting = call_at(7060);
  setfsuid(0);
  struct sockaddr_in name;
  socklen_t n = sizeof name;
  getsockname(waiting, (struct sockaddr *)&name, &n);
  say("-- the players port is %d", own);
  put(0, 0, SYN, "");
  heard("a SYN");
  table("half open", "tcp", 0);
  put(1, 1, ACK, "");
  table("not accepted", "tcp", 0);
  setfsuid(1001);
  int s = (int)must(accept(l, NULL, NULL)), one = 1, many = 60;
  setfsuid(0);
  table("accepted", "tcp", 0);
  must(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
  must(setsockopt(s, IPPROTO_TCP, TCP_KEEPIDLE, &many, sizeof many));
  table("kept alive", "tcp", 0);
  must(fchown(s, 1002, -1));
  must(send(s, "hello", 5, 0));
  put(1, 1, ACK | PSH, "abc");
  table("sent and received", "tcp", 0);
  sleep_ms(300);
  table("sent again", "tcp", 0);
  window = 0;
  put(4, 6, ACK, "");
  must(send(s, "more", 4, 0));
  sleep_ms(300);
  table("no window", "tcp", 0);
  window = 4096;
  put(4, 6, ACK, "");
  sleep_ms(1000);
  put(4, 10, ACK, "");
  char b[10];
  must(recv(s, b, sizeof b, 0));
  close(s);
  table("closed", "tcp", 0);
  put(4, 11, ACK, "");
  table("its FIN is acknowledged", "tcp", 0);
  put(4, 11, ACK | FIN, "");
  table("both are closed", "tcp", 0);
  table("IPv6", "tcp6", 0);
  close(l7), close(waiting);
}

static void datagrams(void) {
  struct sockaddr_in a = at(7070);
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(7071), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  setfsuid(1003);
  int u = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), u6 = (int)must(socket(AF_INET6, SOCK_DGRAM, 0)), lite = (int)must(socket(AF_INET, SOCK_DGRAM, 136)),
      lite6 = (int)must(socket(AF_INET6, SOCK_DGRAM, 136)), small = 0;
  setfsuid(0);
  must(bind(u, (struct sockaddr *)&a, sizeof a)), must(bind(lite, (struct sockaddr *)&a, sizeof a));
  must(bind(u6, (struct sockaddr *)&six, sizeof six)), must(bind(lite6, (struct sockaddr *)&six, sizeof six));
  must(connect(lite, (struct sockaddr *)&a, sizeof a));
  must(setsockopt(u, SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
  for (int i = 0; i < 9; i++) must(sendto(lite, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
  for (int i = 0; i < 9; i++) must(sendto(u, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
  table("udp", "udp", 0), table("udp6", "udp6", 0), table("udplite", "udplite", 0), table("udplite6", "udplite6", 0);
  int r = (int)must(socket(AF_INET, SOCK_RAW, 199)), r6 = (int)must(socket(AF_INET6, SOCK_RAW, 198)), none = 0;
  must(setsockopt(r, SOL_SOCKET, SO_RCVBUF, &none, sizeof none));
  for (int i = 0; i < 5; i++) must(sendto(r, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
  close(raw);
  table("raw", "raw", 1), table("raw6", "raw6", 1);
  FILE *f = fopen("/proc/net/udp", "r");
  char text[300], of_u[40] = "", of_other[40] = "";
  int other = (int)must(socket(AF_INET, SOCK_DGRAM, 0));
  a.sin_port = htons(7072);
  must(bind(other, (struct sockaddr *)&a, sizeof a));
  while (fgets(text, sizeof text, f)) {
    if (strstr(text, ":1B9E")) sscanf(strstr(text, "ffff8"), "%39s", of_u);
    if (strstr(text, ":1BA0")) sscanf(strstr(text, "ffff8"), "%39s", of_other);
  }
  fclose(f);
  say("each has an address of its own: %d", of_u[0] && of_other[0] && strcmp(of_u, of_other) != 0);
  close(u), close(u6), close(lite), close(lite6), close(r), close(r6), close(other);
}

int main(void) {
  begin();
  streams();
  datagrams();
  return 0;
}
