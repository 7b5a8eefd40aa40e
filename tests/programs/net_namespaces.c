/* A network of one's own: its interface, addresses, names, netlink and /proc/net. */
#include "check.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
// needs: root
// differs: today lo is number 1 in each network, its MTU 65536, its queue 1000 long; a name in /proc/PID/net is looked up anew

static const char *tail(int e) {
  return e == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : e == ECONNREFUSED ? "ECONNREFUSED" : e == EADDRINUSE ? "EADDRINUSE" : errname(e);
}
static long tell(const char *what, long result) {
  if (result == -1) say("%s: %s", what, tail(errno));
  else say("%s: %ld", what, result);
  return result;
}

static int un;
static struct ifreq r;
static long ask(const char *what, int fd, unsigned long cmd, const char *name) {
  memset(&r, 0, sizeof r);
  strncpy(r.ifr_name, name, IFNAMSIZ);
  return tell(what, ioctl(fd, cmd, &r));
}

static void show_file(const char *name) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/self/net/%s", name);
  int fd = open(path, O_RDONLY);
  if (fd < 0) { say("%s: %s", path, errname(errno)); return; }
  ssize_t n = read(fd, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) strcmp(name, "unix") ? say("%s|%s", name, line) : say("unix|%.36s %s", line + 16, strlen(line) > 59 ? line + 59 : "");
  close(fd);
}

static void interface(void) {
  un = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  ask("GIFFLAGS", un, SIOCGIFFLAGS, "lo"), say("  %#x", (unsigned short)r.ifr_flags);
  ask("GIFMTU", un, SIOCGIFMTU, "lo"), say("  %d", r.ifr_mtu);
  ask("GIFINDEX", un, SIOCGIFINDEX, "lo"), say("  %d", r.ifr_ifindex);
  ask("GIFNAME", un, SIOCGIFNAME, "");
  r.ifr_ifindex = (int)if_nametoindex("lo");
  tell("GIFNAME", ioctl(un, SIOCGIFNAME, &r)), say("  %s", r.ifr_name);
  ask("GIFHWADDR", un, SIOCGIFHWADDR, "lo"), say("  %d %02x %02x", r.ifr_hwaddr.sa_family, r.ifr_hwaddr.sa_data[0], r.ifr_hwaddr.sa_data[5]);
  ask("GIFMETRIC", un, SIOCGIFMETRIC, "lo"), say("  %d", r.ifr_metric);
  ask("GIFTXQLEN", un, SIOCGIFTXQLEN, "lo"), say("  %d", r.ifr_qlen);
  ask("GIFMAP", un, SIOCGIFMAP, "lo"), say("  %lu %d", r.ifr_map.mem_start, r.ifr_map.irq);
  ask("GIFSLAVE", un, SIOCGIFSLAVE, "lo"), ask("GIFFLAGS of an alias", un, SIOCGIFFLAGS, "lo:1"), ask("none such", un, SIOCGIFFLAGS, "eth0");
  ask("GIFADDR of a local socket", un, SIOCGIFADDR, "lo"), ask("SIFADDR of a local socket", un, SIOCSIFADDR, "lo");
  ask("unknown", un, 0x89ff, "lo"), tell("bad memory", ioctl(un, SIOCGIFFLAGS, (void *)8));
  struct ifconf c = { .ifc_len = 0, .ifc_buf = NULL };
  tell("GIFCONF, how much", ioctl(un, SIOCGIFCONF, &c)), say("  %d", c.ifc_len);
  struct ifreq all[4];
  c.ifc_len = 39, c.ifc_req = all;
  tell("GIFCONF, too little", ioctl(un, SIOCGIFCONF, &c)), say("  %d", c.ifc_len);
  c.ifc_len = sizeof all;
  tell("GIFCONF", ioctl(un, SIOCGIFCONF, &c)), say("  %d", c.ifc_len);
  if (c.ifc_len) say("  %s %d %#x", all[0].ifr_name, all[0].ifr_addr.sa_family, ntohl(((struct sockaddr_in *)&all[0].ifr_addr)->sin_addr.s_addr));
}

static void change(void) {
  int netlink = (int)must(socket(AF_NETLINK, SOCK_RAW, 0));
  ask("GIFFLAGS of netlink", netlink, SIOCGIFFLAGS, "lo");
  ask("SIFMETRIC", un, SIOCSIFMETRIC, "lo"), ask("SIFHWADDR", un, SIOCSIFHWADDR, "lo"), ask("SIFMAP", un, SIOCSIFMAP, "lo");
  ask("ADDMULTI", un, SIOCADDMULTI, "lo"), ask("SIFHWBROADCAST", un, SIOCSIFHWBROADCAST, "lo"), ask("SIFSLAVE", un, SIOCSIFSLAVE, "lo");
  ask("SIFNAME of what is up", un, SIOCSIFNAME, "lo");
  memset(&r, 0, sizeof r), strcpy(r.ifr_name, "lo"), r.ifr_mtu = 1500;
  tell("SIFMTU", ioctl(un, SIOCSIFMTU, &r)), ask("GIFMTU", un, SIOCGIFMTU, "lo"), say("  %d", r.ifr_mtu);
  r.ifr_mtu = -1, tell("SIFMTU, negative", ioctl(un, SIOCSIFMTU, &r));
  r.ifr_qlen = 7, tell("SIFTXQLEN", ioctl(un, SIOCSIFTXQLEN, &r));
  r.ifr_qlen = -7, tell("SIFTXQLEN, negative", ioctl(un, SIOCSIFTXQLEN, &r));
  r.ifr_flags = 0, tell("down", ioctl(un, SIOCSIFFLAGS, &r));
  ask("GIFFLAGS", un, SIOCGIFFLAGS, "lo"), say("  %#x", (unsigned short)r.ifr_flags);
  strcpy(r.ifr_newname, "a/b"), tell("a bad name", ioctl(un, SIOCSIFNAME, &r));
  strcpy(r.ifr_newname, ""), tell("no name", ioctl(un, SIOCSIFNAME, &r));
  strcpy(r.ifr_newname, "x%d"), tell("a name with a number", ioctl(un, SIOCSIFNAME, &r));
  ask("by the old name", un, SIOCGIFFLAGS, "lo"), ask("by the new name", un, SIOCGIFFLAGS, "x0");
  show_file("dev");
  strcpy(r.ifr_newname, "lo"), tell("back", ioctl(un, SIOCSIFNAME, &r));
  strcpy(r.ifr_name, "lo"), r.ifr_flags = IFF_UP | IFF_BROADCAST | IFF_NOARP, tell("up", ioctl(un, SIOCSIFFLAGS, &r));
  ask("GIFFLAGS", un, SIOCGIFFLAGS, "lo"), say("  %#x", (unsigned short)r.ifr_flags);
  r.ifr_flags = IFF_UP, tell("up", ioctl(un, SIOCSIFFLAGS, &r));
  show_file("if_inet6");
}

static int named(const char *name, int type) {
  struct sockaddr_un a = { AF_UNIX, "" };
  memcpy(a.sun_path + 1, name, strlen(name));
  int fd = (int)must(socket(AF_UNIX, type, 0));
  tell(name, bind(fd, (struct sockaddr *)&a, (socklen_t)(3 + strlen(name))));
  return fd;
}
static void reach(const char *what, const char *name, int type) {
  struct sockaddr_un a = { AF_UNIX, "" };
  memcpy(a.sun_path + 1, name, strlen(name));
  int fd = (int)must(socket(AF_UNIX, type, 0));
  tell(what, connect(fd, (struct sockaddr *)&a, (socklen_t)(3 + strlen(name))));
  close(fd);
}

int main(void) {
  int outside = named("one", SOCK_DGRAM), pipefd[2];
  must(named("one", SOCK_STREAM)), named("one", SOCK_STREAM);
  reach("connect to it", "one", SOCK_DGRAM), reach("of a type without it", "one", SOCK_SEQPACKET);
  struct sockaddr_un path = { AF_UNIX, "path" };
  go_to_scratch();
  int filed = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(bind(filed, (struct sockaddr *)&path, sizeof path));
  int old = (int)must(open("/proc/self/ns/net", O_RDONLY)), first = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(pipe(pipefd));
  say("/proc/net: %zd", readlink("/proc/net", (char[32]){ 0 }, 32));
  int held = (int)must(open("/proc/self/net/dev", O_RDONLY));
  must(unshare(CLONE_NEWNET));
  interface();
  show_file("dev"), show_file("if_inet6"), show_file("unix"), show_file("route");
  reach("the name outside", "one", SOCK_DGRAM);
  int other = named("one", SOCK_DGRAM);
  reach("the same name here", "one", SOCK_DGRAM);
  int c = (int)must(socket(AF_UNIX, SOCK_DGRAM, 0));
  tell("a path reaches out", connect(c, (struct sockaddr *)&path, sizeof path));
  tell("send", send(c, "x", 1, 0));
  ask("a socket of before", first, SIOCGIFINDEX, "lo"), say("  %d", r.ifr_ifindex);
  char text[512] = "";
  must(pread(held, text, sizeof text - 1, 0));
  say("a file of before has %s", strstr(text, "lo:") ? "lo" : "nothing");
  int l = named("listener", SOCK_STREAM), auto_ = (int)must(socket(AF_UNIX, SOCK_SEQPACKET, 0)), pair[2];
  must(listen(l, 2)), reach("connect", "listener", SOCK_STREAM), must(accept(l, NULL, NULL));
  struct sockaddr_un where = { AF_UNIX, "\0listener" };
  int waiting = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect(waiting, (struct sockaddr *)&where, 11)), must(bind(auto_, (struct sockaddr *)&where, 2)), must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  named("of eleven", SOCK_DGRAM), named("another one", SOCK_SEQPACKET), named("x", SOCK_STREAM);
  show_file("unix");
  change();
  interface();
  must(write(pipefd[1], "x", 1));
  /* A thread's directory has no net; a child's is the child's. */
  char name[64];
  snprintf(name, sizeof name, "/proc/self/task/%d/net", getpid());
  tell("of a thread", access(name, F_OK));
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWNET));
    must(write(pipefd[1], "y", 1));
    pause();
  }
  must(read(pipefd[0], name, 1)), must(read(pipefd[0], name, 1));
  snprintf(name, sizeof name, "/proc/%d/net/if_inet6", pid);
  int fd = (int)must(open(name, O_RDONLY));
  say("of a child in a network of its own: %zd", read(fd, text, sizeof text));
  kill(pid, SIGKILL);
  siginfo_t si;
  must(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
  tell("of a zombie", open(name, O_RDONLY));
  wait_for(pid);
  must(syscall(SYS_setns, old, CLONE_NEWNET));
  reach("back again", "one", SOCK_DGRAM);
  close(outside);
  reach("it is closed", "one", SOCK_DGRAM);
  close(other);
  must(setresuid(1000, 1000, 1000));
  memset(&r, 0, sizeof r), strcpy(r.ifr_name, "lo");
  tell("SIFFLAGS of a user", ioctl(first, SIOCSIFFLAGS, &r)), tell("SIFMTU of a user", ioctl(first, SIOCSIFMTU, &r));
  tell("unshare of a user", unshare(CLONE_NEWNET)), tell("setns of a user", syscall(SYS_setns, old, CLONE_NEWNET));
  return 0;
}
