/* mount(), umount2(), pivot_root(): which mistake is seen first, what a move takes along, when a mount is in use. */
// needs: root
// differs: 3.2 looks paths up before it asks for the privilege, and later kernels refuse or allow other things
#include "check.h"
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/socket.h>
#include <sys/un.h>

static char scratch[200];

static long mount_(const void *dev, const void *dir, const void *type, unsigned long flags, const void *data) {
  return syscall(SYS_mount, dev, dir, type, flags, data);
}
static long tmpfs(const char *where) { return mount("none", where, "tmpfs", 0, NULL); }
static long bind_(const char *what, const char *where) { return mount(what, where, NULL, MS_BIND, NULL); }
static long move(const char *what, const char *where) { return mount(what, where, NULL, MS_MOVE, NULL); }
static long pivot(const char *new, const char *old) { return syscall(SYS_pivot_root, new, old); }

static void dirs(const char *names) {
  char copy[300];
  strcpy(copy, names);
  for (char *name = strtok(copy, " "); name; name = strtok(NULL, " ")) must(mkdir(name, 0755));
}

static void fresh(void) {
  must(chdir(scratch));
  umount2(scratch, MNT_DETACH);
  must(tmpfs(scratch));
  must(mount(NULL, scratch, NULL, MS_PRIVATE, NULL));
  must(chdir(scratch));
}

/* Where the file systems below a directory are mounted, and how. */
static void mounts(const char *what, const char *below) {
  say("%s", what);
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[1000], place[300], flags[100], inside[300];
  while (f && fgets(line, sizeof line, f)) {
    if (sscanf(line, "%*d %*d %*d:%*d %299s %299s %99s", inside, place, flags) != 3) continue;
    if (strncmp(place, below, strlen(below)) || strstr(place, "/proc")) continue;
    char *fs_flags = strrchr(line, ' ');
    say("  %s on %s %s, fs %.2s", inside, place[strlen(below)] ? place + strlen(below) : ".", flags, fs_flags + 1);
  }
  if (f) fclose(f);
}

static void order_of_mistakes(void) {
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(page + 4096, 4096));
  memset(page, 'x', 4096);
  fresh();
  dirs("d");
  must(close(open("f", O_CREAT | O_RDWR, 0644)));
  must(symlink("d", "l"));
  show("type at a bad address", mount_("none", "/nowhere", (void *)8, 0, 0));
  show("dir at a bad address", mount_((void *)8, (void *)8, "tmpfs", 0, 0));
  show("dir empty", mount_((void *)8, "", "tmpfs", 0, 0));
  show("source at a bad address", mount_((void *)8, "/nowhere", "tmpfs", 0, 0));
  show("data at a bad address", mount_("none", "/nowhere", "tmpfs", 0, (void *)8));
  show("a type that has no end", mount_("none", "d", page, 0, 0));
  page[4095] = 0;
  show("a type that is long", mount_("none", "d", page, 0, 0));
  memcpy(page + 4096 - 8, "mode=700", 8);
  show("data that ends with the memory", mount_("none", "d", "tmpfs", 0, page + 4096 - 8));
  struct stat st;
  must(stat("d", &st));
  say("  mode %o", st.st_mode & 07777);
  must(umount("d"));
  show("no such dir", mount_("none", "nowhere", "nosuch", 0, 0));
  show("no such type", mount_("none", "d", "nosuch", 0, 0));
  show("an empty type", mount_("none", "d", "", 0, 0));
  show("no type", mount_("none", "d", NULL, 0, 0));
  show("tmpfs on a file", mount_("none", "f", "tmpfs", 0, 0));
  show("bind of nothing", mount_(NULL, "d", NULL, MS_BIND, 0));
  show("bind of an empty name", bind_("", "d"));
  show("bind of what is not there", bind_("nowhere", "d"));
  show("bind of a file on a directory", bind_("f", "d"));
  show("bind of a directory on a file", bind_("d", "f"));
  show("move of nothing", mount_(NULL, "d", NULL, MS_MOVE, 0));
  show("move of no mount", move("d", "d"));
  show("remount of no mount", mount_(NULL, "d", NULL, MS_REMOUNT, 0));
  show("two types of propagation", mount_(NULL, ".", NULL, MS_SHARED | MS_SLAVE, 0));
  show("with read-only", mount_(NULL, ".", NULL, MS_SHARED | MS_RDONLY, 0));
  show("with nosuid", mount_(NULL, ".", NULL, MS_PRIVATE | MS_NOSUID, 0));
  show("of no mount", mount_(NULL, "d", NULL, MS_PRIVATE, 0));
  show("a magic number", mount_("none", "d", "tmpfs", 0xc0ed0000, 0));
  show("umount, unknown flag, no such file", umount2("nowhere", 16));
  show("umount of no mount", umount2("f", 0));
  show("umount through a link", umount2("l", 0));
  must(tmpfs("d"));
  show("umount, the link itself", umount2("l", UMOUNT_NOFOLLOW));
  show("umount, not the link", umount2("d", UMOUNT_NOFOLLOW));
}

static void *unprivileged(void *arg) {
  must(syscall(SYS_setresuid, 1000, 1000, 1000));
  show("user: no such dir", mount_("none", "nowhere", "tmpfs", 0, 0));
  show("user: a dir behind a closed one", mount_("none", "closed/x", "tmpfs", 0, 0));
  show("user: no type", mount_("none", "d", NULL, 0, 0));
  show("user: no such type", mount_("none", "d", "nosuch", 0, 0));
  show("user: bind of nothing", mount_(NULL, "d", NULL, MS_BIND, 0));
  show("user: remount of no mount", mount_(NULL, "d", NULL, MS_REMOUNT, 0));
  show("user: umount of no mount", umount2("f", 0));
  show("user: umount", umount2("m", 0));
  show("user: pivot_root to nowhere", pivot("nowhere", "nowhere"));
  show("user: chroot to nowhere", chroot("nowhere"));
  show("user: chroot", chroot("d"));
  return arg;
}

static void without_privilege(void) {
  fresh();
  must(chmod(".", 0755));
  dirs("d m closed closed/x");
  must(chmod("closed", 0700));
  must(close(open("f", O_CREAT | O_RDWR, 0644)));
  must(tmpfs("m"));
  pthread_t t;
  pthread_create(&t, NULL, unprivileged, NULL);
  pthread_join(t, NULL);
}

static void flags(void) {
  fresh();
  dirs("a b");
  must(mount("none", "a", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL));
  must(mount("a", "b", NULL, MS_BIND | MS_NOATIME, NULL));
  mounts("bind ignores flags", scratch);
  show("write", open("b/f", O_CREAT | O_RDWR, 0644));
  show("remount", mount(NULL, "a", NULL, MS_REMOUNT | MS_NODIRATIME, NULL));
  mounts("the flags are those given now", scratch);
  show("write to the copy", open("b/f", O_CREAT | O_RDWR, 0644));
  show("bind remount", mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_NOATIME | MS_STRICTATIME, NULL));
  mounts("one mount only", scratch);
  int fd = (int)must(open("b/f", O_CREAT | O_RDWR, 0644));
  show("read-only, open for writing", mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  show("the other mount", mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  show("its file system", mount(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  must(close(fd));
  fd = (int)must(open("b/f", O_RDONLY));
  must(unlink("b/f"));
  show("a file without a name", mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  must(close(fd));
  show("closed", mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  mounts("all", scratch);
  show("writing a mount that is writable, of one that is not", mkdir("a/d", 0755));
}

static void moves(void) {
  fresh();
  dirs("a b c");
  must(close(open("f", O_CREAT | O_RDWR, 0644)));
  must(tmpfs("a"));
  dirs("a/in a/dir");
  must(tmpfs("a/in"));
  show("into itself", move("a", "a/dir"));
  show("into what is mounted in it", move("a", "a/in"));
  show("to a file", move("a", "f"));
  show("a directory in it", move("a/dir", "b"));
  show("the root", move("/", "b"));
  show("move", move("a", "b"));
  mounts("moved", scratch);
  must(mount(NULL, ".", NULL, MS_SHARED, NULL));
  show("from a shared place", move("b", "c"));
  must(mount(NULL, ".", NULL, MS_PRIVATE, NULL));
  /* The place is the topmost mount there, even for who stands below it. */
  must(chdir("c"));
  must(tmpfs("../c"));
  must(tmpfs("."));
  must(bind_("/proc", "."));
  must(chdir(scratch));
  mounts("three times on c", scratch);
  show("the last is seen", access("c/self", F_OK));
  show("mounted again", bind_("b", "b"));
  show("rmdir of a mount point", rmdir("b"));
  show("rename of one", rename("b", "d"));
  show("in another namespace too", 0);
  pid_t pid;
  struct gate ready = new_gate(), go = new_gate();
  dirs("elsewhere");
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    must(tmpfs("elsewhere"));
    open_gate(&ready);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&ready);
  show("rmdir", rmdir("elsewhere"));
  open_gate(&go);
  reap(pid);
  show("rmdir, when it is gone", rmdir("elsewhere"));
}

static void in_use(void) {
  fresh();
  dirs("a b");
  must(tmpfs("a"));
  dirs("a/in");
  int fd = (int)must(open("a/in", O_RDONLY));
  show("a directory is open", umount("a"));
  must(close(fd));
  fd = (int)must(open("a/in", O_PATH));
  show("as a path", umount("a"));
  must(close(fd));
  must(chdir("a"));
  show("working directory", umount("../a"));
  must(chdir(".."));
  fd = (int)must(open("a/f", O_CREAT | O_RDWR, 0644));
  must(ftruncate(fd, 4096));
  void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  must(close(fd));
  show("mapped", umount("a"));
  must(munmap(p, 4096));
  must(tmpfs("a/in"));
  show("something mounted there", umount("a"));
  must(umount("a/in"));
  struct sockaddr_un name = { AF_UNIX, "a/s" };
  int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(s, (struct sockaddr *)&name, sizeof name));
  show("a socket is bound there", umount("a"));
  must(close(s));
  pid_t pid;
  struct gate ready = new_gate(), go = new_gate();
  CHILD(pid) {
    must(chroot("a"));
    open_gate(&ready);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&ready);
  show("somebody's root", umount("a"));
  open_gate(&go);
  reap(pid);
  show("unused", umount("a"));

  must(tmpfs("a"));
  show("expire", umount2("a", MNT_EXPIRE));
  struct stat st;
  must(stat("a", &st));
  show("expire, looked at in between", umount2("a", MNT_EXPIRE));
  must(close(open("a/f", O_CREAT | O_RDWR, 0644)));
  show("expire, opened in between", umount2("a", MNT_EXPIRE));
  must(mkdir("x", 0755));
  show("expire, something else in between", umount2("a", MNT_EXPIRE));
  show("gone", umount2("a", MNT_EXPIRE));
  must(tmpfs("a"));
  show("expire and detach", umount2("a", MNT_EXPIRE | MNT_DETACH));
  show("expire and force", umount2("a", MNT_EXPIRE | MNT_FORCE));
  fd = (int)must(open("a", O_RDONLY));
  show("expire, in use", umount2("a", MNT_EXPIRE));
  must(close(fd));
  show("force", umount2("a", MNT_FORCE));
}

static void cwd(const char *what) {
  char text[400], *s;
  long n = syscall(SYS_getcwd, text, sizeof text);
  if (n > 0 && (s = strstr(text, scratch)) != NULL) memmove(s, s + strlen(scratch), strlen(s + strlen(scratch)) + 1);
  say("%s: %s", what, n < 0 ? errname(errno) : text);
}

static void link_(const char *what, const char *path) {
  char text[400] = "", *s;
  long n = readlink(path, text, sizeof text - 1);
  if (n > 0 && (s = strstr(text, scratch)) != NULL) memmove(s, s + strlen(scratch), strlen(s + strlen(scratch)) + 1);
  say("%s: %s", what, n < 0 ? errname(errno) : text);
}

static void detached(void) {
  fresh();
  dirs("a");
  must(tmpfs("a"));
  dirs("a/sub a/y");
  must(tmpfs("a/sub"));
  dirs("a/sub/x");
  must(close(open("a/f", O_CREAT | O_RDWR, 0644)));
  int fd = (int)must(open("a/y", O_RDONLY));
  must(chdir("a/sub/x"));
  show("detach", umount2("../../../a", MNT_DETACH));
  cwd("cwd");
  link_("the link cwd", "/proc/self/cwd");
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  link_("a descriptor", path);
  must(chdir(".."));
  must(chdir(".."));
  cwd("up");
  show("make a file", mkdir("new", 0755));
  show("mount on it", tmpfs("new"));
  show("umount it", umount("."));
  must(fchdir(fd));
  show("the other mount is not below", chdir("../sub/x"));
  show("the file is there", access("../f", F_OK));
  must(chdir(scratch));
  must(close(fd));
}

/* In a root of its own: a tmpfs with /proc, and new ones below. */
static void pivots(void) {
  fresh();
  dirs("root");
  must(tmpfs("root"));
  must(mount(NULL, "root", NULL, MS_PRIVATE, NULL));
  dirs("root/proc root/new root/d");
  must(mount("none", "root/proc", "proc", 0, NULL));
  must(tmpfs("root/new"));
  dirs("root/new/old root/new/proc");
  must(close(open("root/f", O_CREAT | O_RDWR, 0644)));
  must(chdir("root"));
  must(chroot("."));
  show("no such directory", pivot("/nowhere", "/nowhere"));
  show("a file", pivot("/f", "/new/old"));
  show("old not below new", pivot("/new", "/d"));
  show("new is no mount", pivot("/d", "/d"));
  show("new is the root", pivot("/", "/d"));
  show("old is outside", pivot("/new", "/proc"));
  must(mount(NULL, "/new", NULL, MS_SHARED, NULL));
  show("new is shared", pivot("/new", "/new/old"));
  must(mount(NULL, "/new", NULL, MS_PRIVATE, NULL));
  must(mount(NULL, "/", NULL, MS_SHARED, NULL));
  show("the root is shared", pivot("/new", "/new/old"));
  must(mount(NULL, "/", NULL, MS_PRIVATE, NULL));

  must(mkdir("/gone", 0755));
  must(mkdir("/place", 0755));
  must(mkdir("/gone/old", 0755));
  must(bind_("/gone", "/place"));
  must(rmdir("/place/old"));
  must(rmdir("/gone"));
  show("new was removed elsewhere", pivot("/place", "/place"));
  must(umount("/place"));

  pid_t pid, other;
  struct gate ready = new_gate(), go = new_gate();
  CHILD(other) {
    must(chdir("/d"));
    open_gate(&ready);
    pass_gate(&go);
    link_("another's root", "/old/proc/self/root");
    link_("its cwd", "/old/proc/self/cwd");
    cwd("as it sees it");
    _exit(0);
  }
  pass_gate(&ready);
  must(chdir("/"));
  CHILD(pid) {
    must(unshare(CLONE_NEWNS));
    show("pivot in a namespace of its own", pivot("/new", "/new/old"));
    show("the file", access("/old/f", F_OK));
    _exit(0);
  }
  reap(pid);
  show("the file is there", access("/f", F_OK));
  show("pivot", pivot("/new", "/new/old"));
  show("the file", access("/f", F_OK));
  show("in the old root", access("/old/f", F_OK));
  cwd("the working directory went along");
  open_gate(&go);
  reap(other);
  show("detach the old root", umount2("/old", MNT_DETACH));
  show("gone", access("/old/f", F_OK));
  show("umount the root: it becomes read-only", umount("/"));
  show("write", mkdir("/dir", 0755));
  must(mount(NULL, "/", NULL, MS_REMOUNT, NULL));
  dirs("/a /b");
  must(tmpfs("/a"));
  show("onto itself", pivot("/a", "/a"));
  link_("the root", "/proc/self/root");
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
  go_to_scratch();
  must(getcwd(scratch, sizeof scratch) ? 0 : -1);
  order_of_mistakes();
  without_privilege();
  flags();
  moves();
  in_use();
  detached();
  pivots();
  return 0;
}
