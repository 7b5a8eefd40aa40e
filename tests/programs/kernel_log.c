/* The kernel log: /dev/kmsg, /proc/kmsg and syslog(2). */
#include "check.h"

#include <poll.h>
#include <sys/klog.h>
// needs: root
// differs: since 3.5 the log is made of records, and /dev/kmsg can be read

static char buf[1 << 18];
static char *volatile nowhere = (char *)8;

/* Without the time of a line. */
static const char *timeless(char *text, long n) {
  static char out[4096];
  char *o = out;
  for (char *p = text; p < text + n && o < out + 4000; p++) {
    if (*p == '[' && p[6] == '.') p += 15;
    if (*p == '\n') *o++ = '$';
    else *o++ = *p;
  }
  *o = 0;
  return out;
}

static void log_is(const char *what) {
  long n = klogctl(3, buf, sizeof buf);
  say("%s: %s", what, n < 0 ? errname(errno) : timeless(buf, n));
}

#define WRITE(text) do { show("write " #text, write(w, text, sizeof text - 1)); log_is(" the log"); \
    klogctl(5, 0, 0); } while (0)

int main(void) {
  show("close", klogctl(0, 0, 0));
  show("open", klogctl(1, 0, 0));
  show("console off", klogctl(6, 0, 0));
  show("console on", klogctl(7, 0, 0));
  show("level 0", klogctl(8, 0, 0));
  show("level 5", klogctl(8, 0, 5));
  show("level 9", klogctl(8, 0, 9));
  show("level 7", klogctl(8, 0, 7));
  show("no such action", klogctl(11, 0, 0));
  show("read nowhere", klogctl(2, 0, 5));
  show("read less than nothing", klogctl(2, buf, -1));
  show("read nothing", klogctl(2, buf, 0));
  show("read all nowhere", klogctl(3, 0, 5));
  show("read all to bad memory", klogctl(3, nowhere, 5));
  show("size", klogctl(10, 0, 0));

  struct stat st;
  must(stat("/dev/kmsg", &st));
  say("/dev/kmsg: %o", (unsigned)st.st_mode & 07777);
  must(stat("/proc/kmsg", &st));
  say("/proc/kmsg: %o", (unsigned)st.st_mode & 07777);
  int r = (int)must(open("/proc/kmsg", O_RDONLY | O_NONBLOCK)), w = (int)must(open("/dev/kmsg", O_WRONLY));
  struct pollfd p = {r, POLLIN | POLLOUT, 0};
  must(poll(&p, 1, 0));
  say("unread: %x", (unsigned)p.revents);
  while (read(r, buf, sizeof buf) > 0) continue;
  show("all was read", -1);
  show("unread", klogctl(9, 0, 0));
  must(poll(&p, 1, 0));
  say("nothing unread: %x", (unsigned)p.revents);
  must(write(w, "<7>hello\n", 9));
  say("again: %.*s", (int)must(read(r, buf, 4)), buf);
  say("the rest: %ld bytes", (long)must(klogctl(2, buf, sizeof buf)));
  must(klogctl(5, 0, 0));
  show("all, after it was cleared", klogctl(3, buf, sizeof buf));
  show("seek to the start", lseek(r, 0, SEEK_SET));
  show("seek to the end", lseek(r, 0, SEEK_END));
  show("seek /dev/kmsg", lseek(w, 5, SEEK_SET));
  show("write /proc/kmsg", write(r, "x", 1));

  int d = (int)must(open("/dev/kmsg", O_RDONLY));
  show("read /dev/kmsg", read(d, buf, 10));
  show("pread /dev/kmsg", pread(d, buf, 10, 0));
  show("bad memory", write(w, nowhere, 3));
  must(klogctl(5, 0, 0));
  WRITE("");
  WRITE("\n");
  WRITE("<3>");
  WRITE("<3>hey\n<c>x\n<14>fac");
  WRITE("tail");
  WRITE("<5>new");
  WRITE("<x>y\n");
  WRITE("<c>no line is open\n");
  WRITE("<d>the default\n");
  WRITE("<8>no level\n");
  WRITE("<14>facility\n");
  WRITE("<>none\n");
  WRITE("a\0b\n");
  WRITE("\n");
  struct iovec v[2] = {{"<2>one ", 7}, {"message\n", 8}};
  show("writev", writev(w, v, 2));
  log_is(" the log");
  memset(buf, 'q', 2000);
  buf[1999] = '\n';
  show("2000 bytes", write(w, buf, 2000));

  pid_t child;
  while (klogctl(9, 0, 0) > 0) must(klogctl(2, buf, sizeof buf));
  CHILD(child) {
    long n = klogctl(2, buf, sizeof buf);
    say("a sleeper reads: %s", timeless(buf, n));
    _exit(0);
  }
  sleep_ms(50);
  must(write(w, "<4>wake up\n", 11));
  say("it %s", reap(child));

  CHILD(child) {
    must(setuid(1000));
    show("as a user: read all", klogctl(3, buf, 0));
    show("as a user: size", klogctl(10, 0, 0));
    show("as a user: read", klogctl(2, buf, 0));
    show("as a user: clear", klogctl(5, 0, 0));
    show("as a user: nonsense", klogctl(99, 0, 0));
    show("as a user: /proc/kmsg", open("/proc/kmsg", O_RDONLY));
    _exit(0);
  }
  reap(child);
  int fd = (int)must(open("/proc/sys/kernel/dmesg_restrict", O_WRONLY));
  must(write(fd, "1", 1));
  CHILD(child) {
    must(setuid(1000));
    show("restricted: read all", klogctl(3, buf, 0));
    show("restricted: size", klogctl(10, 0, 0));
    _exit(0);
  }
  reap(child);
  must(write(fd, "0", 1));
  return 0;
}
