/* Users and groups of 16 bits: 65535 stands for -1, and what does not fit is told as 65534. */
// needs: i386
// needs: root
// differs: later kernels refuse -1 as a user or group of its own
#include "check.h"

enum { CHOWN = 182, LCHOWN = 16, FCHOWN = 95, SETREGID = 71, SETGID = 46, SETREUID = 70, SETUID = 23, SETRESUID = 164, GETRESUID = 165, SETRESGID = 170, GETRESGID = 171 };
enum { SETFSUID = 138, SETFSGID = 139, GETGROUPS = 80, SETGROUPS = 81, GETUID = 24, GETEUID = 49, GETGID = 47, GETEGID = 50 };
static const long bad = 8;

static void ids(const char *what) {
  unsigned short u[3] = { 7, 7, 7 }, g[3] = { 7, 7, 7 };
  show_ok("getresuid", syscall(GETRESUID, &u[0], &u[1], &u[2])), show_ok("getresgid", syscall(GETRESGID, &g[0], &g[1], &g[2]));
  say("%s: %ld %ld %ld %ld, users %u %u %u, groups %u %u %u", what, syscall(GETUID), syscall(GETEUID), syscall(GETGID), syscall(GETEGID), u[0], u[1], u[2], g[0], g[1], g[2]);
}

static void owners(void) {
  struct stat st;
  int fd = (int)must(open("file", O_CREAT | O_RDWR, 0600));
  must(symlink("file", "link"));
#define OWNERS(what, name) must(lstat(name, &st)), say("%s: %u %u", what, st.st_uid, st.st_gid)
  show("chown", syscall(CHOWN, "link", 0x51234, 65535)); /* the upper half counts for nothing */
  OWNERS("its file", "file");
  OWNERS("not the link", "link");
  show("chown, of nothing", syscall(CHOWN, "none", 1, 1));
  show("lchown", syscall(LCHOWN, "link", 65535, 77));
  OWNERS("the link", "link");
  OWNERS("not its file", "file");
  show("fchown", syscall(FCHOWN, fd, 65534, 65533));
  OWNERS("by descriptor", "file");
  show("fchown, nothing", syscall(FCHOWN, fd, 65535, 65535));
  OWNERS("as it was", "file");
  show("fchown, no file", syscall(FCHOWN, 99, 1, 1));
  unlink("link"), unlink("file"), close(fd);
}

static void groups(void) {
  unsigned short list[4] = { 5, 65535, 300, 9 };
  unsigned wide[4] = { 100000, 3, 0, 0 };
  show("setgroups, one of them -1", syscall(SETGROUPS, 3, list));
  show("setgroups, a bad place", syscall(SETGROUPS, 2, bad));
  show("setgroups, too many", syscall(SETGROUPS, 65537, list)), show("setgroups, less than none", syscall(SETGROUPS, -1, list));
  list[1] = 65534;
  show("setgroups", syscall(SETGROUPS, 3, list));
  memset(list, 0, sizeof list);
  show("getgroups, how many", syscall(GETGROUPS, 0, NULL)), show("getgroups, too few", syscall(GETGROUPS, 2, list)), show("getgroups, less than none", syscall(GETGROUPS, -1, list));
  show("getgroups", syscall(GETGROUPS, 4, list)), show("getgroups, a bad place", syscall(GETGROUPS, 4, bad));
  say("%u %u %u, then %u", list[0], list[1], list[2], list[3]);
  show("of 32 bits", syscall(SYS_setgroups32, 2, wide)), show("getgroups", syscall(GETGROUPS, 4, list));
  say("%u %u", list[0], list[1]);
  show("none", syscall(SETGROUPS, 0, NULL)), show("getgroups", syscall(GETGROUPS, 4, list)), show("getgroups, none to a bad place", syscall(GETGROUPS, 4, bad));
}

int main(void) {
  pid_t pid;
  char place[] = "/tmp/i386_ids_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(chdir(place));
  owners(), groups();
  must(chdir("/")), rmdir(place);
  ids("at first");
  CHILD(pid) {
    show("setresgid32", syscall(SYS_setresgid32, 100000, 65536, 5)), show("setresuid32", syscall(SYS_setresuid32, 100001, 0, 70000));
    ids("beyond 16 bits");
    show("getresuid, a bad place", syscall(GETRESUID, bad, bad, bad)), show("getresgid, a bad place", syscall(GETRESGID, bad, bad, bad));
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    show("setregid", syscall(SETREGID, 65535, 20)), show("setreuid", syscall(SETREUID, 65535, 10));
    ids("the effective ones");
    show("setregid to others", syscall(SETREGID, 30, 65535)), show("setreuid to others", syscall(SETREUID, 30, 65535));
    show("setgroups without the privilege", syscall(SETGROUPS, 1, bad));
    show("setreuid", syscall(SETREUID, 10, 0));
    ids("exchanged");
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    show("setresgid", syscall(SETRESGID, 21, 22, 23)), show("setresgid", syscall(SETRESGID, 65535, 65535, 24)), show("setfsgid", syscall(SETFSGID, 25)), show("setfsgid", syscall(SETFSGID, 65535));
    show("setfsgid", syscall(SETFSGID, 25)), show("setgid", syscall(SETGID, 65535)), show("setgid", syscall(SETGID, 26));
    show("setresuid", syscall(SETRESUID, 11, 0, 65535)), show("setfsuid", syscall(SETFSUID, 14)), show("setfsuid", syscall(SETFSUID, 14));
    ids("each its own");
    show("setuid", syscall(SETUID, 65535)), show("setuid", syscall(SETUID, 15)), show("setuid", syscall(SETUID, 16)), show("setresuid", syscall(SETRESUID, 15, 16, 15)), show("setresgid", syscall(SETRESGID, 26, 27, 26));
    ids("for good");
    _exit(0);
  }
  reap(pid);
  return 0;
}
