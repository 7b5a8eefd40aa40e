/* Addresses of the loopback by ioctl: their classes, masks, labels, and what cannot be. */
// needs: root
// differs: later kernels want CAP_NET_ADMIN with EPERM, and have no addresses in their answers to some questions
#include "check.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int s;
static const char *short_name(int e) { return e == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : e == ENETUNREACH ? "ENETUNREACH" : e == EADDRINUSE ? "EADDRINUSE" : errname(e); }

static struct ifreq request(const char *label, const char *address, int family) {
  struct ifreq r;
  memset(&r, 0, sizeof r);
  strcpy(r.ifr_name, label);
  struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;
  a->sin_family = (unsigned short)family;
  if (address) inet_pton(AF_INET, address, &a->sin_addr);
  return r;
}
static void get(const char *what, unsigned long cmd, const char *label, const char *which) {
  struct ifreq r = request(label, which, which ? AF_INET : 0);
  if (ioctl(s, cmd, &r)) say("%s of %s: %s", what, label, short_name(errno));
  else say("%s of %s: %s, family %d", what, label, inet_ntoa(((struct sockaddr_in *)&r.ifr_addr)->sin_addr), r.ifr_addr.sa_family);
}
static void set_as(const char *what, unsigned long cmd, const char *label, const char *address, int family) {
  struct ifreq r = request(label, address, family);
  int result = ioctl(s, cmd, &r);
  say("%s of %s to %s: %s", what, label, address ? address : "nothing", result ? short_name(errno) : "ok");
}
static void set(const char *what, unsigned long cmd, const char *label, const char *address) { set_as(what, cmd, label, address, AF_INET); }
static void all(const char *label) {
  get("address", SIOCGIFADDR, label, NULL), get("mask", SIOCGIFNETMASK, label, NULL);
  get("broadcast", SIOCGIFBRDADDR, label, NULL), get("other end", SIOCGIFDSTADDR, label, NULL);
}
static void flags(const char *label, int set) {
  struct ifreq r = request(label, NULL, 0);
  r.ifr_flags = (short)set;
  int result = ioctl(s, SIOCSIFFLAGS, &r);
  say("flags of %s: %s", label, result ? short_name(errno) : "ok");
}
static void list(const char *what) {
  struct ifreq r[20];
  struct ifconf c = { .ifc_len = sizeof r, .ifc_req = r };
  must(ioctl(s, SIOCGIFCONF, &c));
  say("%s: %d", what, c.ifc_len / (int)sizeof r[0]);
  for (int i = 0; i < c.ifc_len / (int)sizeof r[0]; i++) say("  %s %s", r[i].ifr_name, inet_ntoa(((struct sockaddr_in *)&r[i].ifr_addr)->sin_addr));
}
static void bind_to(const char *address) {
  struct sockaddr_in a = { .sin_family = AF_INET };
  inet_pton(AF_INET, address, &a.sin_addr);
  int fd = (int)must(socket(AF_INET, SOCK_DGRAM, 0)), result = bind(fd, (struct sockaddr *)&a, sizeof a);
  say("bind to %s: %s", address, result ? short_name(errno) : "ok");
  a.sin_port = htons(9);
  result = connect(fd, (struct sockaddr *)&a, sizeof a);
  say("connect to %s: %s", address, result ? short_name(errno) : "ok");
  close(fd);
}

int main(void) {
  s = (int)must(socket(AF_INET, SOCK_DGRAM, 0));
  all("lo"), all("lo:1"), all("none");
  get("the one that is asked for", SIOCGIFADDR, "lo", "127.0.0.1");
  get("another than is there", SIOCGIFADDR, "lo", "10.0.0.1");
  set("address", SIOCSIFADDR, "lo:1", "10.1.2.3");
  all("lo:1");
  list("with one of class A"), bind_to("10.1.2.3"), bind_to("10.9.9.9");
  set("address", SIOCSIFADDR, "lo:1", "10.1.2.3");
  set("address", SIOCSIFADDR, "lo:1", "172.16.1.1");
  all("lo:1");
  set("address", SIOCSIFADDR, "lo:2", "192.168.5.1");
  all("lo:2");
  set("address", SIOCSIFADDR, "lo:3", "230.0.0.1");
  set("address", SIOCSIFADDR, "lo:3", "192.168.5.7");
  set("address", SIOCSIFADDR, "lo:4", "192.168.5.7");
  set("address", SIOCSIFADDR, "lo:4", "0.0.0.0");
  list("with more"), bind_to("172.16.1.1"), bind_to("10.1.2.3");
  set("address, of no family,", SIOCSIFADDR, "lo:4", "10.7.7.7");
  set_as("address, of no family,", SIOCSIFADDR, "lo:5", "10.8.8.8", 0);
  set("mask", SIOCSIFNETMASK, "lo:2", "255.255.0.0");
  set("mask", SIOCSIFNETMASK, "lo:2", "255.0.255.0");
  set("broadcast", SIOCSIFBRDADDR, "lo:2", "192.168.255.255");
  all("lo:2");
  bind_to("192.168.7.7");
  set("broadcast", SIOCSIFBRDADDR, "lo:2", "0.0.0.0");
  set("other end", SIOCSIFDSTADDR, "lo:2", "192.168.9.9");
  all("lo:2");
  set("other end", SIOCSIFDSTADDR, "lo:2", "240.9.9.9");
  set("mask", SIOCSIFNETMASK, "lo:9", "255.255.0.0");
  set_as("mask, of another family,", SIOCSIFNETMASK, "lo:2", "255.255.0.0", AF_INET6);
  set_as("broadcast, of another family,", SIOCSIFBRDADDR, "lo:2", "192.168.5.255", AF_INET6);
  list("changed");
  flags("lo:9", 0), flags("lo:3", IFF_UP), flags("lo:3", 0), flags("lo:2", 0);
  list("without two");
  flags("lo:1", 0);
  set("address", SIOCSIFADDR, "lo", "127.0.0.9");
  all("lo");
  list("with another loopback"), bind_to("127.0.0.1"), bind_to("127.0.0.9");
  set("address", SIOCSIFADDR, "lo", "0.0.0.0");
  list("without it"), bind_to("127.0.0.1");
  set("address", SIOCSIFADDR, "lo", "127.0.0.1");
  list("as before"), bind_to("127.0.0.1");
  int stream = (int)must(socket(AF_INET, SOCK_STREAM, 0)), six = (int)must(socket(AF_INET6, SOCK_STREAM, 0)), raw = (int)must(socket(AF_INET, SOCK_RAW, 200));
  struct ifreq r = request("lo", NULL, 0);
  show("a stream knows too", ioctl(stream, SIOCGIFADDR, &r));
  show("one of IPv6", ioctl(six, SIOCGIFADDR, &r));
  show("a raw one", ioctl(raw, SIOCGIFADDR, &r));
  show("no address of a request", ioctl(s, SIOCGIFADDR, NULL));
  must(setresuid(1000, 1000, 1000));
  set("as a user, address", SIOCSIFADDR, "lo:1", "10.1.2.3");
  set("as a user, mask", SIOCSIFNETMASK, "lo", "255.0.0.0");
  flags("lo", 0);
  get("as a user, address", SIOCGIFADDR, "lo", NULL);
  return 0;
}
