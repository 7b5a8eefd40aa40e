/* Extended attributes of tmpfs, the capabilities that a file gives at exec, and what securebits and bounds make of them. */
// needs: root
// needs: glibc
// differs: 3.2 looks at no value that is set, takes no empty one, and knows no revision 3
#include "check.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/xattr.h>

#define CAPS "security.capability"
static char self[200];

static void sets(const char *what) {
  struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct d[2];
  must(syscall(SYS_capget, &h, d));
  say("  %s: e %08x%08x p %08x%08x i %08x%08x, uids %u %u, secure %lu, dumpable %d, bits %x", what, d[1].effective,
      d[0].effective, d[1].permitted, d[0].permitted, d[1].inheritable, d[0].inheritable, getuid(), geteuid(),
      getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE), prctl(PR_GET_SECUREBITS));
}

static void set_inheritable(unsigned low) {
  struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct d[2];
  must(syscall(SYS_capget, &h, d));
  d[0].inheritable = low;
  must(syscall(SYS_capset, &h, d));
}

static void attributes(void) {
  char value[100], list[300];
  write_file("f", "x", 0644);
  must(mkdir("d", 0755));
  must(symlink("f", "l"));
  must(mkfifo("p", 0644));
  show("set", setxattr("f", "security.a", "12345", 5, 0));
  show("set, create", setxattr("f", "security.a", "1", 1, XATTR_CREATE));
  show("set, replace", setxattr("f", "security.a", "123", 3, XATTR_REPLACE));
  show("set, replace what is not there", setxattr("f", "security.b", "123", 3, XATTR_REPLACE));
  show("other flags", setxattr("f", "security.b", "123", 3, 4));
  show("both flags", setxattr("f", "security.b", "1", 1, XATTR_CREATE | XATTR_REPLACE));
  show("a prefix alone", setxattr("f", "security.", "1", 1, 0));
  show("an empty value", setxattr("f", "security.e", "", 0, 0));
  show("trusted", setxattr("f", "trusted.t", "1", 1, 0));
  show("user", setxattr("f", "user.u", "1", 1, 0));
  show("system", setxattr("f", "system.s", "1", 1, 0));
  show("too large", syscall(SYS_setxattr, "f", "security.x", value, 65537L, 0));
  show("a bad address", syscall(SYS_setxattr, "f", "security.x", 8L, 5L, 0));
  show("of a directory", setxattr("d", "security.a", "1", 1, 0));
  show("of a link", lsetxattr("l", "security.a", "1", 1, 0));
  show("of a FIFO", setxattr("p", "security.a", "1", 1, 0));
  show("size", getxattr("f", "security.a", NULL, 0));
  show("get", getxattr("f", "security.a", value, 100));
  show("get, little room", getxattr("f", "security.a", value, 2));
  show("get, a bad address", syscall(SYS_getxattr, "f", "security.a", 8L, 5L));
  show("get what is not there", getxattr("f", "security.none", value, 100));
  show("get of the user", getxattr("f", "user.u", value, 100));
  show("set another", setxattr("f", "security.z", "1", 1, 0));
  long n = show("list", listxattr("f", list, sizeof list));
  for (char *s = list; s < list + n; s += strlen(s) + 1) say("  %s", s);
  show("list, little room", listxattr("f", list, 10));
  show("size of the list", listxattr("f", NULL, 0));
  show("list of the link", llistxattr("l", list, sizeof list));
  show("remove", removexattr("f", "security.z"));
  show("remove it again", removexattr("f", "security.z"));
  show("remove of the user", removexattr("f", "user.u"));
  show("of /proc", setxattr("/proc/version", "security.a", "1", 1, 0));
  show("get of /proc", getxattr("/proc/version", "security.a", value, 1));
  pid_t pid;
  CHILD(pid) {
    must(setuid(1000));
    show("user: set security", setxattr("f", "security.a", "1", 1, 0));
    show("user: set capabilities", setxattr("f", CAPS, "1", 1, 0));
    show("user: set trusted", setxattr("f", "trusted.a", "1", 1, 0));
    show("user: set user", setxattr("f", "user.a", "1", 1, 0));
    show("user: get security", getxattr("f", "security.a", value, 100));
    show("user: get trusted", getxattr("f", "trusted.t", value, 100));
    show("user: list", listxattr("f", list, sizeof list));
    show("user: remove", removexattr("f", "security.a"));
    _exit(0);
  }
  reap(pid);
  must(mkdir("ro", 0755));
  must(mount("none", "ro", "tmpfs", MS_RDONLY, NULL));
  show("read-only", setxattr("ro", "security.a", "1", 1, 9));
  must(umount("ro"));
  must(mount("none", "ro", "ramfs", 0, NULL));
  show("ramfs", setxattr("ro", "security.a", "1", 1, 0));
  must(umount("ro"));
}

static void give(const unsigned *words, size_t size) { must(setxattr("prog", CAPS, words, size, 0)); }

struct who { const char *what; uid_t uid, euid; unsigned inheritable, drop; int bits; };

static void run_as(struct who w) {
  pid_t pid;
  CHILD(pid) {
    if (w.drop) must(prctl(PR_CAPBSET_DROP, w.drop, 0, 0, 0));
    if (w.inheritable) set_inheritable(w.inheritable);
    if (w.bits) must(prctl(PR_SET_SECUREBITS, w.bits));
    must(setresuid(w.uid, w.euid, w.euid));
    execl("prog", "prog", "sets", w.what, NULL);
    say("  %s: exec %s", w.what, errname(errno));
    _exit(0);
  }
  reap(pid);
}

static void as_all(const char *what) {
  say("%s", what);
  run_as((struct who){ "user", 1000, 1000, 0, 0, 0 });
  run_as((struct who){ "user with inheritable ones", 1000, 1000, 1 << CAP_KILL | 1 << CAP_CHOWN, 0, 0 });
  run_as((struct who){ "root", 0, 0, 0, 0, 0 });
  run_as((struct who){ "root, less bounds", 0, 0, 0, CAP_NET_RAW, 0 });
  run_as((struct who){ "user, less bounds", 1000, 1000, 0, CAP_NET_RAW, 0 });
  run_as((struct who){ "root without root", 0, 0, 0, 0, SECBIT_NOROOT | SECBIT_KEEP_CAPS });
  run_as((struct who){ "real root", 0, 1000, 0, 0, 0 });
}

static void at_exec(void) {
  const unsigned raw = 1 << CAP_NET_RAW, both = 1 << CAP_NET_RAW | 1 << CAP_KILL;
  as_all("no capabilities");
  give((unsigned[]){ 0x02000001, raw, 0, 0, 0 }, 20);
  as_all("permitted and effective");
  give((unsigned[]){ 0x02000000, raw, 0, 0, 0 }, 20);
  as_all("permitted");
  give((unsigned[]){ 0x02000001, 0, both, 0, 0 }, 20);
  as_all("inheritable");
  give((unsigned[]){ 0x01000001, raw, both }, 12);
  as_all("revision 1");
  give((unsigned[]){ 0x02000000, 0, 0, 1 << (CAP_SYSLOG - 32) | 0x80000000, 0 }, 20);
  as_all("high ones");
  must(chmod("prog", 04755));
  give((unsigned[]){ 0x02000001, raw, 0, 0, 0 }, 20);
  as_all("set-user-id root as well");
  must(chmod("prog", 0755));
  struct { const char *what; unsigned magic; size_t size; } bad[] = {
    { "revision 1, longer", 0x01000001, 20 }, { "revision 2, shorter", 0x02000001, 12 }, { "revision 3", 0x03000001, 20 },
    { "revision 3 with a root", 0x03000001, 24 }, { "three bytes", 0, 3 }, { "no revision", 1, 20 },
  };
  for (int i = 0; i < 6; i++) {
    unsigned words[6] = { bad[i].magic, raw, raw, 0, 0, 0 };
    give(words, bad[i].size);
    say("%s", bad[i].what);
    run_as((struct who){ "user", 1000, 1000, 0, 0, 0 });
    run_as((struct who){ "root", 0, 0, 0, 0, 0 });
  }
}

static const char *kept(void) { return getxattr("prog", CAPS, NULL, 0) > 0 ? "kept" : "gone"; }

static void losing(void) {
  const unsigned words[] = { 0x02000001, 1 << CAP_NET_RAW, 0, 0, 0 };
  give(words, 20);
  must(chmod("prog", 0777));
  say("chmod: %s", kept());
  struct stat s;
  must(stat("prog", &s));
  must(truncate("prog", s.st_size));
  say("truncate: %s", kept());
  must(chown("prog", -1, -1));
  say("chown to the same: %s", kept());
  give(words, 20);
  pid_t pid;
  CHILD(pid) {
    must(setuid(1000));
    show("a user's chown", chown("prog", 5, 5));
    _exit(0);
  }
  reap(pid);
  say("after it: %s", kept());
  give(words, 20);
  int fd = (int)must(open("prog", O_WRONLY | O_APPEND));
  must(write(fd, "x", 1));
  must(close(fd));
  say("write: %s", kept());
  must(setxattr("d", CAPS, words, 20, 0));
  must(chown("d", 0, 0));
  say("chown of a directory: %s", getxattr("d", CAPS, NULL, 0) > 0 ? "kept" : "gone");
  /* Where set-id bits do not count, neither do capabilities. */
  give(words, 20);
  must(mount(".", "ro", NULL, MS_BIND, NULL));
  must(mount(NULL, "ro", NULL, MS_BIND | MS_REMOUNT | MS_NOSUID, NULL));
  CHILD(pid) {
    must(setuid(1000));
    execl("ro/prog", "prog", "sets", "nosuid", NULL);
    _exit(1);
  }
  reap(pid);
  must(umount("ro"));
  /* A tracer that has no privilege; and a fs_struct that somebody else shares. */
  CHILD(pid) {
    must(setuid(1000));
    pid_t traced = fork();
    if (traced == 0) {
      ptrace(PTRACE_TRACEME, 0, 0, 0);
      execl("prog", "prog", "sets", "traced", NULL);
      _exit(1);
    }
    waitpid(traced, NULL, 0);
    ptrace(PTRACE_CONT, traced, 0, 0);
    reap(traced);
    pid_t other = (pid_t)clone_fork(CLONE_FS | SIGCHLD);
    if (other == 0) {
      execl("prog", "prog", "sets", "shared", NULL);
      _exit(1);
    }
    reap(other);
    _exit(0);
  }
  reap(pid);
}

static void securebits(void) {
  say("securebits");
  pid_t pid;
  CHILD(pid) {
    show("beyond them", prctl(PR_SET_SECUREBITS, 64));
    show("a lock whose bit is 0", prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT));
    show("set the locked bit", prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_KEEP_CAPS));
    show("open the lock", prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
    show("PR_SET_KEEPCAPS 0", prctl(PR_SET_KEEPCAPS, 0));
    show("PR_SET_KEEPCAPS 2", prctl(PR_SET_KEEPCAPS, 2));
    show("another bit", prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP));
    say("  %x", prctl(PR_GET_SECUREBITS));
    must(setresuid(1000, 1000, 1000));
    sets("no fixup");
    show("bounding, 35", prctl(PR_CAPBSET_READ, 35));
    show("bounding, 36", prctl(PR_CAPBSET_READ, 36));
    show("drop", prctl(PR_CAPBSET_DROP, CAP_KILL));
    show("drop 36", prctl(PR_CAPBSET_DROP, 36));
    show("bounding", prctl(PR_CAPBSET_READ, CAP_KILL));
    set_inheritable(1 << CAP_CHOWN);
    struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2];
    must(syscall(SYS_capget, &h, d));
    d[0].inheritable = 1 << CAP_KILL;
    show("inherit what is out of bounds", syscall(SYS_capset, &h, d));
    d[0].inheritable = 0;
    d[0].permitted &= ~(1u << CAP_SETPCAP);
    d[0].effective = 0;
    show("less", syscall(SYS_capset, &h, d));
    show("drop", prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    show("securebits", prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS)));
    d[0].permitted |= 1u << CAP_SETPCAP;
    show("more", syscall(SYS_capset, &h, d));
    h.version = _LINUX_CAPABILITY_VERSION_1;
    d[0].permitted &= ~(1u << CAP_SETPCAP);
    show("version 1", syscall(SYS_capset, &h, d));
    sets("the upper half is gone");
    h.version = 5;
    show("version 5", syscall(SYS_capget, &h, d));
    say("  %x is said", h.version);
    h.version = 5;
    show("version 5, asking", syscall(SYS_capget, &h, NULL));
    h.pid = -1;
    show("pid -1, asking", syscall(SYS_capget, &h, NULL));
    show("pid -1", syscall(SYS_capget, &h, d));
    h.pid = 30000;
    show("nobody", syscall(SYS_capget, &h, d));
    show("set nobody's", syscall(SYS_capset, &h, d));
    show("a bad address", syscall(SYS_capget, &h, (void *)8));
    h.pid = 0;
    show("a bad address", syscall(SYS_capget, &h, (void *)8));
    show("a bad address, set", syscall(SYS_capset, &h, (void *)8));
    show("a bad header", syscall(SYS_capget, (void *)8, d));
    _exit(0);
  }
  reap(pid);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    sets(argv[2]);
    return 0;
  }
  must(unshare(CLONE_NEWNS));
  mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
  must(readlink("/proc/self/exe", self, sizeof self - 1));
  go_to_scratch();
  must(mount("none", ".", "tmpfs", 0, "mode=755"));
  char cwd[200];
  must(chdir(getcwd(cwd, sizeof cwd)));
  attributes();
  int from = (int)must(open(self, O_RDONLY)), to = (int)must(open("prog", O_CREAT | O_WRONLY, 0755));
  static char buf[65536];
  for (long n; (n = read(from, buf, sizeof buf)) > 0;) must(write(to, buf, (size_t)n));
  must(close(to));
  close(from);
  at_exec();
  losing();
  securebits();
  return 0;
}
