/* What limits POSIX queues: the sysctls of an ipc namespace, RLIMIT_MSGQUEUE, and the end of the namespace. */
// differs: later kernels have other ranges, defaults that are no limits, and count more bytes for a message
#include "check.h"

#include <sys/mount.h>
#include <sys/resource.h>

struct attr { long flags, maxmsg, msgsize, curmsgs, reserved[4]; };

static long make(const char *name, long maxmsg, long msgsize) {
  struct attr attr = { .maxmsg = maxmsg, .msgsize = msgsize, .flags = 05, .curmsgs = -3 };
  long fd = syscall(SYS_mq_open, name, O_CREAT | O_RDWR | O_EXCL, 0600, &attr);
  if (fd < 0) return fd;
  must(syscall(SYS_mq_getsetattr, fd, NULL, &attr));
  say("  %s: %ld of %ld, flags %ld", name, attr.maxmsg, attr.msgsize, attr.flags);
  close((int)fd);
  return 0;
}
static long unlink_(const char *name) { return syscall(SYS_mq_unlink, name); }
static void make_and_unlink(const char *name, long maxmsg, long msgsize) {
  show(name, make(name, maxmsg, msgsize));
  unlink_(name);
}
static void limit_msgqueue(unsigned long bytes) {
  struct rlimit r = { bytes, 819200 };
  must(syscall(SYS_setrlimit, RLIMIT_MSGQUEUE, &r));
}
static void sysctl_(const char *name, const char *value) {
  char path[60], text[60];
  snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
  int fd = open(path, value ? O_RDWR : O_RDONLY);
  if (fd < 0) {
    show(name, fd);
    return;
  }
  if (value) {
    snprintf(text, sizeof text, "%s = %s", name, value);
    show(text, write(fd, value, strlen(value)));
  }
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  text[n < 0 ? 0 : n] = 0;
  say("  %s", strtok(text, "\n"));
  close(fd);
}
static int default_queue(const char *name) {
  long fd = syscall(SYS_mq_open, name, O_CREAT | O_RDWR | O_EXCL, 0600, NULL);
  if (fd < 0) return (int)fd;
  struct attr attr;
  must(syscall(SYS_mq_getsetattr, fd, NULL, &attr));
  say("  %s: %ld of %ld", name, attr.maxmsg, attr.msgsize);
  return (int)fd;
}

static void attributes(void) {
  make_and_unlink("nothing", 0, 0);
  make_and_unlink("no messages", 0, 10);
  make_and_unlink("no bytes", 10, 0);
  make_and_unlink("negative", -1, 10);
  make_and_unlink("usual", 10, 8192);
  make_and_unlink("long for a user", 11, 10);
  make_and_unlink("large for a user", 2, 8193);
  make_and_unlink("larger", 2, 400000);
  make_and_unlink("too large", 2, 409593);
  make_and_unlink("largest", 2, 409592);
  make_and_unlink("too long", 65537, 1);
  make_and_unlink("overflow", 65536, 0x7fffffffffffffffL);
  make_and_unlink("overflow by the pointers", 65536, 0x1000000000000L - 8);
  make_and_unlink("overflow to little", 2, 0x7ffffffffffffff8L + 4);
}

static void tables(void) {
  sysctl_("queues_max", NULL);
  sysctl_("msg_max", NULL);
  sysctl_("msgsize_max", NULL);
  sysctl_("msg_default", NULL);
  sysctl_("msg_max", "0");
  sysctl_("msg_max", "1");
  sysctl_("msg_max", "65536");
  sysctl_("msg_max", "65537");
  sysctl_("msg_max", "x");
  sysctl_("msgsize_max", "127");
  sysctl_("msgsize_max", "128");
  sysctl_("msgsize_max", "1048577");
  sysctl_("queues_max", "-5");
  sysctl_("msg_max", "4");
  close(default_queue("of other defaults"));
  unlink_("of other defaults");
  sysctl_("msg_max", "100000\n");
  sysctl_("msgsize_max", " 256 ");
}

static void of_a_user(void) {
  must(setresuid(4321, 4321, 4321));
  sysctl_("msg_max", "5");
  show("long", make("long", 5, 10));
  show("large", make("large", 4, 257));
  show("as large as may be", make("both", 4, 256));
  show("over no limit", default_queue("default") < 0 ? -1 : 0);
  unlink_("both");
  unlink_("default");
  _exit(0);
}

static void bytes(void) {
  limit_msgqueue(3 * (4 * 264));
  int a = default_queue("a"), b = default_queue("b"), c = default_queue("c");
  show("a fourth", default_queue("d"));
  close(c);
  show("closed is not gone", default_queue("d"));
  show("unlink c", unlink_("c"));
  int d = default_queue("d");
  show("unlink d", unlink_("d"));
  show("unlinked is not gone", default_queue("e"));
  close(d);
  int e = default_queue("e");
  limit_msgqueue(0);
  show("none at all", make("f", 1, 1));
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    must(setresuid(1234, 1234, 1234));
    limit_msgqueue(9);
    show("another user's", make("g", 1, 2));
    show("another user's", make("h", 1, 1));
    show("a stranger's", unlink_("a"));
    show("a stranger's", syscall(SYS_mq_open, "a", O_RDONLY, 0, NULL));
    show("a stranger's, made", syscall(SYS_mq_open, "a", O_RDONLY | O_CREAT, 0666, NULL));
    _exit(0);
  }
  say("%s", reap(pid));
  limit_msgqueue(819200);
  close(a);
  close(b);
  close(e);
}

static void namespaces(void) {
  sysctl_("queues_max", "1");
  int held = (int)must(syscall(SYS_mq_open, "a", O_RDWR, 0, NULL));
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    must(unshare(CLONE_NEWIPC));
    sysctl_("queues_max", NULL);
    sysctl_("msg_max", NULL);
    show("not here", syscall(SYS_mq_open, "a", O_RDWR, 0, NULL));
    show("through a descriptor", syscall(SYS_mq_timedsend, held, "x", 1, 0, NULL));
    must(mount("none", "queues", "mqueue", 0, NULL));
    int own = default_queue("own");
    char text[8192];
    show("as a file", access("queues/own", F_OK));
    show("send", syscall(SYS_mq_timedsend, own, "y", 1, 0, NULL));
    must(unshare(CLONE_NEWIPC));
    show("its namespace is gone", access("queues/own", F_OK));
    show("receive", syscall(SYS_mq_timedreceive, own, text, sizeof text, NULL, NULL));
    show("making one there", open("queues/more", O_CREAT | O_RDWR, 0600));
    show("mknod", mknod("queues/more", S_IFREG | 0600, 0));
    int by_name = open("queues/own", O_RDWR);
    show("by its name", by_name < 0 ? -1 : 0);
    show("send", syscall(SYS_mq_timedsend, by_name, "z", 1, 0, NULL));
    show("unlink", unlink("queues/own"));
    show("receive", syscall(SYS_mq_timedreceive, own, text, sizeof text, NULL, NULL));
    _exit(0);
  }
  say("%s", reap(pid));
  char text[256];
  show("from another namespace", syscall(SYS_mq_timedreceive, held, text, sizeof text, NULL, NULL));
  show("over the limit with CAP_SYS_RESOURCE", make("over", 1, 1));
  pid = (pid_t)must(fork());
  if (pid == 0) {
    must(setresuid(77, 77, 77));
    show("over the limit", make("over it", 1, 1));
    show("a name is no new queue", syscall(SYS_mq_open, "a", O_CREAT | O_RDONLY, 0, NULL));
    _exit(0);
  }
  say("%s", reap(pid));
}

int main(void) {
  go_to_scratch();
  must(unshare(CLONE_NEWNS | CLONE_NEWIPC));
  must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  must(mkdir("queues", 0700));
  attributes();
  tables();
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) of_a_user();
  say("%s", reap(pid));
  sysctl_("msg_max", "4");
  pid = (pid_t)must(fork());
  if (pid == 0) of_a_user();
  say("%s", reap(pid));
  bytes();
  namespaces();
  return 0;
}
