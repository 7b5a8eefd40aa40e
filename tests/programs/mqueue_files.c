/* POSIX message queues as files: their directory, their modes, what can be done to them and what not. */
// differs: later kernels take no options for mounting mqueue, and count queues otherwise
#include "check.h"

#include <dirent.h>
#include <mqueue.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/vfs.h>

struct attr { long flags, maxmsg, msgsize, curmsgs, reserved[4]; };

static long mq_open_(const char *name, int oflag, mode_t mode, void *attr) { return syscall(SYS_mq_open, name, oflag, mode, attr); }
static long mq_unlink_(const char *name) { return syscall(SYS_mq_unlink, name); }

static void describe(const char *name, int fd) {
  struct stat st;
  must(fstat(fd, &st));
  say("%s: mode %o, size %ld, %ld blocks of %ld, %d links, fd flags %d, flags %o", name, st.st_mode, (long)st.st_size, (long)st.st_blocks,
      (long)st.st_blksize, (int)st.st_nlink, fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
}
static void directory(const char *name) {
  struct stat st;
  must(stat("queues", &st));
  say("%s: mode %o, size %ld, %d links", name, st.st_mode, (long)st.st_size, (int)st.st_nlink);
  DIR *d = opendir("queues");
  struct dirent *e;
  while ((e = readdir(d)))
    if (e->d_name[0] != '.') say("  %s, type %d", e->d_name, e->d_type);
  closedir(d);
}
static void status(const char *name, int fd) {
  char text[200];
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  text[n < 0 ? 0 : n] = 0;
  say("%s: %zd bytes: %s", name, n, strtok(text, "\n"));
}

static void times(const char *name, int fd) {
  struct stat st;
  must(fstat(fd, &st));
  say("%s: times %d %d %d", name, st.st_atim.tv_sec != 1, st.st_mtim.tv_sec != 1, st.st_ctim.tv_sec != 1);
  struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
  must(futimens(fd, old));
}
static void touched(void) {
  char text[8192];
  struct attr attr = { .flags = 0 };
  int q = (int)must(mq_open_("touched", O_CREAT | O_RDWR, 0600, NULL));
  times("made", q);
  must(syscall(SYS_mq_timedsend, q, "x", 1, 0, NULL));
  times("send", q);
  must(syscall(SYS_mq_timedreceive, q, text, sizeof text, NULL, NULL));
  times("receive", q);
  must(read(q, text, 10));
  times("read", q);
  must(read(q, text, 0));
  times("read nothing", q);
  must(syscall(SYS_mq_getsetattr, q, NULL, &attr));
  times("get attributes", q);
  must(syscall(SYS_mq_getsetattr, q, &attr, NULL));
  times("set attributes", q);
  close(q);
  mq_unlink_("touched");
}

static void opening(void) {
  int q = (int)must(mq_open_("one", O_CREAT | O_RDWR, 0640, NULL));
  describe("one", q);
  show("once more", mq_open_("one", O_CREAT | O_EXCL | O_RDWR, 0600, NULL));
  show("neither way", mq_open_("one", 3, 0, NULL));
  show("nothing", mq_open_("none", O_RDWR, 0, NULL));
  show("no name", mq_open_("", O_CREAT | O_RDWR, 0600, NULL));
  show("a slash before", mq_open_("/one", O_RDWR, 0600, NULL));
  show("a slash within", mq_open_("o/ne", O_RDWR | O_CREAT, 0600, NULL));
  char name[300];
  memset(name, 'n', sizeof name);
  name[256] = 0;
  show("256 letters", mq_open_(name, O_RDWR | O_CREAT, 0600, NULL));
  name[255] = 0;
  say("255 letters: %d", mq_open_(name, O_RDWR | O_CREAT, 0600, NULL) > 0);
  show("and gone", mq_unlink_(name));
  show("name at a bad address", mq_open_((char *)8, O_RDWR | O_CREAT, 0600, NULL));
  show("attributes at a bad address", mq_open_("one", O_RDWR, 0600, (void *)8));
  show("both", mq_open_((char *)8, O_RDWR, 0600, (void *)16));
  int neither = (int)must(mq_open_("neither", O_CREAT | 3, 0600, NULL));
  describe("neither", neither);
  show("to send", syscall(SYS_mq_timedsend, neither, "", 0, 0, NULL));
  int path = (int)must(mq_open_("path", O_CREAT | O_PATH | O_RDWR, 0600, NULL));
  describe("O_PATH", path);
  show("to send there", syscall(SYS_mq_timedsend, path, "", 0, 0, NULL));
  show("O_DIRECT", mq_open_("direct", O_CREAT | O_DIRECT | O_RDWR, 0600, NULL));
  say("but it is made: %d", mq_open_("direct", O_RDWR, 0, NULL) > 0);
  directory("directory");
  show("unlink path", mq_unlink_("path"));
  show("unlink neither", mq_unlink_("neither"));
  show("unlink direct", mq_unlink_("direct"));
  show("unlink none", mq_unlink_("direct"));
  show("unlink with a slash", mq_unlink_("/one"));
  show("unlink nothing", mq_unlink_(""));
  show("unlink a bad address", mq_unlink_((char *)8));
  close(path);
  close(neither);
  directory("directory");
}

static void as_files(void) {
  struct statfs fs;
  must(statfs("queues", &fs));
  say("file system %lx, blocks %ld of %ld, files %ld, names of %ld", (long)fs.f_type, (long)fs.f_blocks, (long)fs.f_bsize, (long)fs.f_files, (long)fs.f_namelen);
  show("mkdir", mkdir("queues/d", 0700));
  show("symlink", symlink("one", "queues/s"));
  show("link", link("queues/one", "queues/two"));
  show("rename", rename("queues/one", "queues/two"));
  show("mkfifo", mkfifo("queues/f", 0600));
  show("mknod", mknod("queues/made", S_IFREG | 0644, 0));
  int made = (int)must(mq_open_("made", O_RDWR, 0, NULL));
  describe("made", made);
  int opened = (int)must(open("queues/opened", O_CREAT | O_RDWR, 0666));
  describe("opened", opened);
  struct attr attr;
  show("its attributes", syscall(SYS_mq_getsetattr, opened, NULL, &attr));
  say("%ld messages of %ld, flags %ld, now %ld", attr.maxmsg, attr.msgsize, attr.flags, attr.curmsgs);
  show("send", syscall(SYS_mq_timedsend, opened, "four", 4, 1, NULL));
  show("send", syscall(SYS_mq_timedsend, opened, "seventeen letters", 17, 1, NULL));
  status("opened", opened);
  char text[100];
  show("read on", read(opened, text, 20));
  show("read on", read(opened, text, 100));
  show("read at the end", read(opened, text, 100));
  show("seek to the end", lseek(opened, 0, SEEK_END));
  show("read to a bad address", syscall(SYS_pread64, opened, 8L, 10L, 0L));
  show("write", write(opened, "x", 1));
  int left = -1;
  show("FIONREAD", ioctl(opened, FIONREAD, &left));
  say("%d", left);
  show("map", mmap(NULL, 4096, PROT_READ, MAP_SHARED, opened, 0) == MAP_FAILED ? -1 : 0);
  show("fsync", fsync(opened));
  show("truncate", ftruncate(opened, 7));
  describe("opened", opened);
  show("truncate by opening", close(open("queues/opened", O_RDWR | O_TRUNC)));
  describe("opened", opened);
  status("opened", opened);
  directory("directory");
  show("unlink", unlink("queues/opened"));
  show("receive from the unlinked", syscall(SYS_mq_timedreceive, opened, memset(malloc(8192), 0, 1), 8192, NULL, NULL));
  status("unlinked", opened);
  close(opened);
  show("rmdir", rmdir("queues/made"));
  show("unlink", unlink("queues/made"));
  directory("directory");
}

int main(void) {
  go_to_scratch();
  must(unshare(CLONE_NEWNS | CLONE_NEWIPC));
  must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  must(mkdir("queues", 0700));
  must(mount("none", "queues", "mqueue", 0, "any=option"));
  umask(022);
  opening();
  as_files();
  touched();
  must(umount("queues"));
  say("still there after umount: %d", mq_open_("one", O_RDWR, 0, NULL) > 0);
  must(mount("none", "queues", "mqueue", 0, NULL));
  directory("mounted again");
  return 0;
}
