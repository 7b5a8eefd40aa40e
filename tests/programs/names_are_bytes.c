/* Names are bytes: what is no UTF-8, or no Latin-1, comes back as it was, by whatever way. */
#include "check.h"
#include <sys/utsname.h>
// needs: root

static void hex(const char *what, const char *data, long n) {
  char line[200], *p = line;
  for (long i = 0; i < n; i++) p += sprintf(p, " %02x", (unsigned char)data[i]);
  *p = 0;
  say("%s:%s", what, line);
}

static void file(const char *path) {
  char data[300];
  int fd = (int)must(open(path, O_RDONLY));
  long n = must(read(fd, data, sizeof data));
  must(close(fd));
  char *name = data;
  if (strstr(path, "stat") && (name = strchr(data, '('))) n = strchr(name, ')') + 1 - name;
  if (strstr(path, "status")) name = data, n = strchr(data, '\n') - data;
  hex(path, name, n > 40 ? 40 : n);
}

static void put(const char *path, const char *name) {
  int fd = (int)must(open(path, O_WRONLY));
  say("%s takes %ld of %zu", path, (long)must(write(fd, name, strlen(name))), strlen(name));
  must(close(fd));
}

static void names(void) {
  struct utsname u;
  char name[16];
  must(uname(&u));
  hex("nodename", u.nodename, (long)strlen(u.nodename) + 1);
  hex("domainname", u.domainname, (long)strlen(u.domainname) + 1);
  must(prctl(PR_GET_NAME, name));
  hex("name", name, (long)strlen(name) + 1);
  file("/proc/sys/kernel/hostname");
  file("/proc/sys/kernel/domainname");
  file("/proc/self/comm");
  file("/proc/self/stat");
  file("/proc/self/status");
}

#define EURO "\xe2\x82\xac"
#define AE "\xc3\xa4"

int main(void) {
  must(unshare(CLONE_NEWUTS));
  must(sethostname(AE "\xff", 3));
  must(setdomainname("\xe4" EURO, 4));
  must(prctl(PR_SET_NAME, AE EURO "\xff\x80"));
  names();
  put("/proc/sys/kernel/hostname", "host" EURO "\xff");
  put("/proc/sys/kernel/domainname", "\x80" AE);
  /* The fifteenth byte is the first of a character. */
  must(prctl(PR_SET_NAME, "12345678901234" EURO));
  names();
  pid_t child;
  CHILD(child) {
    char variable[] = "V\xff=" EURO "\xe4";
    char *envp[] = {variable, NULL}, *argv[] = {"cat", "/proc/self/environ", "/proc/self/cmdline", NULL};
    say("exec");
    execve("/bin/cat", argv, envp);
    _exit(1);
  }
  say(" %s", reap(child));
  return 0;
}
