/* Access control lists of tmpfs: what is a list, what it does to the mode and the other way round, who may, what is inherited. */
// differs: later kernels list and copy them otherwise, clear set-group-id bits, and are asked for them by other means
#include "check.h"

#include <sys/mount.h>
#include <sys/xattr.h>

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };
struct entry { unsigned short tag, perm; unsigned id; };
struct acl { unsigned version; struct entry e[8]; };

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

static struct acl acl;
static int entries;
static void begin(void) { acl.version = 2, entries = 0; }
static void add(int tag, int perm, unsigned id) { acl.e[entries++] = (struct entry){ (unsigned short)tag, (unsigned short)perm, id }; }
static size_t size(void) { return 4 + 8 * (size_t)entries; }
static long set_on(const char *name, const char *type) { return setxattr(name, type, &acl, size(), 0); }

static void shown(const char *what, const char *name, const char *type) {
  struct acl a;
  struct stat st;
  char line[300];
  must(stat(name, &st));
  int at = snprintf(line, sizeof line, "%s: mode %o,", what, st.st_mode & 07777);
  ssize_t n = getxattr(name, type, &a, sizeof a);
  if (n < 0) at += snprintf(line + at, sizeof line - (size_t)at, " %s", errname(errno));
  for (ssize_t i = 0; i < (n - 4) / 8; i++) at += snprintf(line + at, sizeof line - (size_t)at, " %x:%o:%d", a.e[i].tag, a.e[i].perm, (int)a.e[i].id);
  say("%s", line);
}

static void what_is_one(void) {
  begin();
  show("version 1", (acl.version = 1, set_on("f", ACCESS)));
  begin();
  show("no entries", set_on("f", ACCESS));
  show("nothing", setxattr("f", ACCESS, "", 0, 0));
  show("three bytes", setxattr("f", ACCESS, "abc", 3, 0));
  show("half an entry", setxattr("f", ACCESS, &acl, 8, 0));
  add(USER_OBJ, 6, -1);
  show("no others", set_on("f", ACCESS));
  add(GROUP_OBJ, 4, 77);
  add(OTHER, 4, -1);
  show("the mode", set_on("f", ACCESS));
  shown("which", "f", ACCESS);
  acl.e[2].perm = 8;
  show("another permission", set_on("f", ACCESS));
  begin();
  add(USER_OBJ, 6, -1);
  add(USER, 7, 5);
  add(GROUP_OBJ, 4, -1);
  add(OTHER, 0, -1);
  show("a user without a mask", set_on("f", ACCESS));
  begin();
  add(USER_OBJ, 6, -1);
  add(USER, 7, 5);
  add(USER, 4, 5);
  add(GROUP_OBJ, 4, -1);
  add(MASK, 6, -1);
  add(OTHER, 0, -1);
  show("a user twice", set_on("f", ACCESS));
  acl.e[2].id = 4;
  show("users out of order", set_on("f", ACCESS));
  acl.e[2].id = (unsigned)-1;
  show("nobody", set_on("f", ACCESS));
  acl.e[2].id = 6;
  show("two users", set_on("f", ACCESS));
  shown("which", "f", ACCESS);
  acl.e[2].tag = 64;
  show("another tag", set_on("f", ACCESS));
  acl.e[2].tag = GROUP;
  show("a group before the owner's", set_on("f", ACCESS));
  begin();
  add(OTHER, 4, -1);
  add(USER_OBJ, 6, -1);
  add(GROUP_OBJ, 4, -1);
  show("out of order", set_on("f", ACCESS));
  show("a default of a file", set_on("f", DEFAULT));
  show("a suffix", setxattr("f", ACCESS "x", &acl, size(), 0));
  show("another of the system's", setxattr("f", "system.other", &acl, size(), 0));
  show("get", getxattr("f", "system.other", NULL, 0));
  show("size", getxattr("f", ACCESS, NULL, 0));
  show("too small", getxattr("f", ACCESS, &acl, 10));
  show("listed", listxattr("f", NULL, 0));
  show("CREATE of what is there", setxattr("f", ACCESS, "\2\0\0", 4, XATTR_CREATE));
  shown("an empty list", "f", ACCESS);
  show("REPLACE of what is not", setxattr("f", ACCESS, "\2\0\0", 4, XATTR_REPLACE));
  show("remove what is not", removexattr("f", ACCESS));
  show("of a symbolic link", lsetxattr("s", ACCESS, "\2\0\0", 4, 0));
  show("of a FIFO", setxattr("p", ACCESS, "\2\0\0", 4, 0));
}

static void modes(void) {
  begin();
  add(USER_OBJ, 7, -1);
  add(USER, 7, 5);
  add(GROUP_OBJ, 1, -1);
  add(GROUP, 2, 9);
  add(MASK, 5, -1);
  add(OTHER, 4, -1);
  chmod("f", 06644);
  show("set", set_on("f", ACCESS));
  shown("set-id bits", "f", ACCESS);
  show("chmod", chmod("f", 0620));
  shown("the mask follows", "f", ACCESS);
  show("chown", chown("f", 3, 4));
  shown("stays", "f", ACCESS);
  show("link", link("f", "g"));
  shown("other name", "g", ACCESS);
  show("remove", removexattr("g", ACCESS));
  shown("removed", "f", ACCESS);
}

/* r, w and x that a user of a group has. */
static void rights(uid_t uid, gid_t gid, const char *name) {
  pid_t pid;
  CHILD(pid) {
    must(syscall(SYS_setgroups, 0, NULL));
    must(setgid(gid));
    must(setuid(uid));
    say("user %d, group %d: %c%c%c", uid, gid, access(name, R_OK) ? '-' : 'r', access(name, W_OK) ? '-' : 'w', access(name, X_OK) ? '-' : 'x');
    _exit(0);
  }
  reap(pid);
}

static void who_may(void) {
  begin();
  add(USER_OBJ, 0, -1);
  add(USER, 7, 5);
  add(USER, 0, 6);
  add(GROUP_OBJ, 4, -1);
  add(GROUP, 2, 9);
  add(MASK, 7, -1);
  add(OTHER, 1, -1);
  must(chown("f", 3, 4));
  must(set_on("f", ACCESS));
  shown("list", "f", ACCESS);
  rights(3, 3, "f");
  rights(5, 4, "f");
  rights(6, 4, "f");
  rights(7, 4, "f");
  rights(7, 9, "f");
  rights(7, 7, "f");
  rights(0, 7, "f");
  must(chmod("f", 0041));
  say("with mask 4");
  rights(5, 4, "f");
  rights(7, 4, "f");
  rights(7, 9, "f");
  must(chmod("f", 0001));
  say("with mask 0");
  rights(5, 4, "f");
  rights(7, 4, "f");
  rights(7, 7, "f");
  rights(7, 9, "f");
  rights(5, 5, "f");
  pid_t pid;
  CHILD(pid) {
    must(setuid(5));
    show("set by another", set_on("f", ACCESS));
    show("removed by another", removexattr("f", ACCESS));
    show("read by another", getxattr("f", ACCESS, NULL, 0));
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    must(setuid(3));
    show("set by the owner", set_on("f", ACCESS));
    _exit(0);
  }
  reap(pid);
  begin();
  add(USER_OBJ, 7, -1);
  add(USER, 0, 5);
  add(GROUP_OBJ, 7, -1);
  add(MASK, 7, -1);
  add(OTHER, 7, -1);
  must(set_on("d", ACCESS));
  shown("a directory", "d", ACCESS);
  must(chmod("d/f", 0777));
  must(mkdir("d/e", 0777));
  write_file("d/e/f", "", 0777);
  rights(5, 5, "d/e/f");
  rights(6, 5, "d/e/f");
  rights(5, 5, "d/f");
  rights(6, 5, "d/f");
}

static void inherited(void) {
  begin();
  add(USER_OBJ, 7, -1);
  add(USER, 6, 5);
  add(GROUP_OBJ, 5, -1);
  add(MASK, 7, -1);
  add(OTHER, 3, -1);
  show("default", set_on("i", DEFAULT));
  shown("which", "i", DEFAULT);
  shown("access", "i", ACCESS);
  umask(077);
  close((int)must(open("i/f", O_CREAT | O_WRONLY, 0666)));
  shown("file", "i/f", ACCESS);
  shown("default", "i/f", DEFAULT);
  close((int)must(open("i/g", O_CREAT | O_WRONLY, 0640)));
  shown("file", "i/g", ACCESS);
  must(mkdir("i/d", 0750));
  shown("directory", "i/d", ACCESS);
  shown("default", "i/d", DEFAULT);
  must(mknod("i/p", S_IFIFO | 0622, 0));
  shown("FIFO", "i/p", ACCESS);
  must(symlink("f", "i/s"));
  must(link("f", "i/l"));
  shown("link", "i/l", ACCESS);
  begin();
  add(USER_OBJ, 7, -1);
  add(GROUP_OBJ, 5, -1);
  add(OTHER, 5, -1);
  show("a default like a mode", set_on("i", DEFAULT));
  close((int)must(open("i/h", O_CREAT | O_WRONLY, 0666)));
  shown("file", "i/h", ACCESS);
  must(mkdir("i/e", 0777));
  shown("directory", "i/e", ACCESS);
  shown("default", "i/e", DEFAULT);
  show("remove", removexattr("i", DEFAULT));
  close((int)must(open("i/k", O_CREAT | O_WRONLY, 0666)));
  shown("file", "i/k", ACCESS);
  show("listed", listxattr("i/d", NULL, 0));
  umask(022);
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  go_to_scratch();
  must(mount("none", ".", "tmpfs", 0, "mode=755"));
  char here[300];
  must(getcwd(here, sizeof here) ? 0 : -1);
  must(chdir(here));
  write_file("f", "x", 0644);
  must(symlink("f", "s"));
  must(mkfifo("p", 0600));
  must(mkdir("d", 0755));
  write_file("d/f", "x", 0644);
  must(mkdir("i", 0755));
  what_is_one();
  modes();
  unlink("g");
  who_may();
  inherited();
  return 0;
}
