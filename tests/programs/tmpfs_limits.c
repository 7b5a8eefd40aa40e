/* tmpfs: size=, nr_blocks=, nr_inodes=, mode=, uid=, gid= and what they do: ENOSPC, SIGBUS, statfs, remounting. */
// differs: later kernels reserve blocks by fallocate, and have options and defaults of their own
#include "check.h"

#include <setjmp.h>
#include <sys/mount.h>
#include <sys/statfs.h>

static char page[4096];

static void used(const char *what) {
  struct statfs s;
  must(statfs("m", &s));
  say("%s: %ld of %ld blocks free, %ld available, %ld of %ld files free", what, (long)s.f_bfree, (long)s.f_blocks, (long)s.f_bavail, (long)s.f_ffree, (long)s.f_files);
}
static long remount(const char *options) { return mount("none", "m", NULL, MS_REMOUNT, options); }
static void mounted_with(const char *options) {
  show(options, mount("none", "m", "tmpfs", 0, options));
}
/* What its line in the list says. */
static void options_shown(const char *what) {
  FILE *f = fopen("/proc/self/mounts", "r");
  char line[400], *last = strdup("");
  while (fgets(line, sizeof line, f))
    if (strstr(line, "/m tmpfs ")) last = strdup(strstr(line, " tmpfs ") + 7);
  fclose(f);
  last[strcspn(last, " ")] = 0;
  say("%s: %s", what, last);
}
static void blocks_of(const char *what, const char *name) {
  struct stat st;
  must(stat(name, &st));
  say("%s: size %ld, %ld blocks", what, (long)st.st_size, (long)st.st_blocks);
}

static sigjmp_buf again;
static void on_bus(int sig) { siglongjmp(again, sig); }
static int store(char *p) {
  int sig = sigsetjmp(again, 1);
  if (sig == 0) *p = 1;
  return sig;
}
static int load(char *p) {
  int sig = sigsetjmp(again, 1);
  if (sig == 0) (void)*(volatile char *)p;
  return sig;
}

static void blocks(void) {
  mounted_with("size=20k,nr_inodes=20");
  options_shown("shown");
  used("empty");
  int fd = (int)must(open("m/f", O_RDWR | O_CREAT, 0600));
  used("a file");
  show("one byte", write(fd, "x", 1));
  used("one byte");
  for (int i = 0; i < 3; i++) must(pwrite(fd, page, 4096, 4096 * (i + 1)));
  used("four pages");
  struct iovec two[2] = { { page, 4096 }, { page, 4096 } };
  show("two pages more, room for one", pwritev(fd, two, 2, 16384));
  show("another", pwrite(fd, page, 1, 20480));
  show("within what is there", pwrite(fd, page, 100, 5000));
  used("full");
  char target[2000];
  memset(target, 'a', 1999);
  target[1999] = 0;
  show("long symlink", symlink(target, "m/l"));
  show("empty file", close((int)open("m/g", O_WRONLY | O_CREAT, 0600)));
  show("truncate", ftruncate(fd, 5000));
  used("truncated");
  show("made longer", ftruncate(fd, 1 << 20));
  used("with a hole");
  blocks_of("file", "m/f");
  show("read in the hole", pread(fd, page, 4096, 1 << 19));
  used("read");
  blocks_of("file", "m/f");
  char *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  on_signal(SIGBUS, on_bus);
  say("load from a mapped hole: %d", load(map + 8192));
  used("loaded");
  for (int i = 3; i < 7; i++) say("store to page %d: %d", i, store(map + 4096 * i));
  say("load from a hole: %d", load(map + 28672));
  used("stored");
  show("truncated within a hole", ftruncate(fd, (1 << 19) + 10));
  show("made longer", ftruncate(fd, 1 << 20));
  char three[12288];
  memset(three, 'x', sizeof three);
  show("read of three pages of a hole", pread(fd, three, sizeof three, (1 << 19) + 100));
  say("%d %d %d", three[0], three[5000], three[12287]);
  used("read");
  munmap(map, 1 << 20);
  char *private_ = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
  say("private copy: %d", store(private_));
  say("of a page made by a store: %d", store(private_ + 4096));
  munmap(private_, 8192);
  used("copied");
  unlink("m/f");
  used("unlinked while open");
  close(fd);
  used("closed");
  fd = (int)must(open("m/g", O_RDWR));
  show("fallocate", fallocate(fd, 0, 0, 4096));
  close(fd);
  show("a directory", mkdir("m/d", 0700));
  used("directory");
  show("symlink", symlink("g", "m/s"));
  used("short symlink");
  show("symlink", symlink(target, "m/l"));
  used("long symlink");
  unlink("m/l");
  used("removed");
}

static void remounting(void) {
  write_file("m/g", "", 0600);
  int fd = (int)must(open("m/g", O_RDWR));
  for (int i = 0; i < 4; i++) must(pwrite(fd, page, 4096, 4096 * i));
  used("four pages");
  show("smaller than what is used", remount("size=12k"));
  options_shown("still");
  show("as small as it is", remount("size=16k"));
  used("full");
  show("larger", remount("nr_blocks=5"));
  show("a page", pwrite(fd, page, 1, 16384));
  show("and no more", pwrite(fd, page, 1, 20480));
  show("other owner", remount("mode=700,uid=5,gid=6"));
  struct stat st;
  must(stat("m", &st));
  say("%o %d %d", st.st_mode & 07777, st.st_uid, st.st_gid);
  show("fewer inodes than there are", remount("nr_inodes=2"));
  show("as many", remount("nr_inodes=4"));
  used("files");
  show("one more", mkdir("m/e", 0700));
  show("without limits", remount("size=0,nr_inodes=0"));
  options_shown("shown");
  used("none");
  show("much", pwrite(fd, page, 4096, 1 << 20));
  show("and back", remount("size=10m"));
  show("inodes", remount("nr_inodes=100"));
  show("nonsense", remount("size=x"));
  close(fd);
  must(umount("m"));
}

static void inodes(void) {
  mounted_with("nr_inodes=4,mode=1750,uid=7,gid=8");
  options_shown("shown");
  struct stat st;
  must(stat("m", &st));
  say("%o %d %d", st.st_mode & 07777, st.st_uid, st.st_gid);
  struct statfs s;
  must(statfs("m", &s));
  say("%ld of %ld", (long)s.f_ffree, (long)s.f_files);
  show("directory", mkdir("m/d", 0700));
  int fd = open("m/f", O_RDWR | O_CREAT, 0600);
  show("link", link("m/f", "m/g"));
  show("symlink", symlink("f", "m/s"));
  show("mknod", mknod("m/p", S_IFIFO | 0600, 0));
  show("another link", link("m/f", "m/h"));
  show("rename", rename("m/f", "m/h"));
  show("unlink", unlink("m/h"));
  show("symlink", symlink("f", "m/s"));
  show("unlink", unlink("m/g"));
  show("mkdir while it is open", mkdir("m/e", 0700));
  close(fd);
  show("mkdir", mkdir("m/e", 0700));
  show("rmdir", rmdir("m/d"));
  fd = open("m/e", O_RDONLY);
  show("rmdir", rmdir("m/e"));
  show("one", mkdir("m/1", 0700));
  show("two", mkdir("m/2", 0700));
  close(fd);
  show("two", mkdir("m/2", 0700));
  must(umount("m"));
  mounted_with("nr_inodes=1");
  show("mkdir", mkdir("m/d", 0700));
  must(umount("m"));
  mounted_with("nr_inodes=0,size=0");
  used("none");
  show("limited later", remount("size=1m"));
  show("limited later", remount("nr_inodes=100"));
  show("mkdir", mkdir("m/d", 0700));
  must(umount("m"));
  static const char *const all[] = { "nr_blocks=3,nr_inodes=2", "size=1,nr_inodes=2", "size=-1", "size=4k,size=8k,nr_inodes=2",
    "size=5000,,nr_inodes=2,", "nr_inodes=2,nr_blocks=1k", "mode=0", "uid=-1", "uid=x", "nothing", "size=5x", "mode=9", "size", "size=" };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    mounted_with(all[i]);
    if (strstr(all[i], "nr_inodes") && i < 6) used("with");
    umount("m");
  }
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  go_to_scratch();
  must(mkdir("m", 0755));
  char here[300];
  must(getcwd(here, sizeof here) ? 0 : -1);
  blocks();
  remounting();
  inodes();
  rmdir("m");
  return 0;
}
