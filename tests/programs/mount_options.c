/* Options of file systems as lists of mounts show them, and what a second mount, or a remount, of one does to them. */
// needs: root
// differs: what is the file system's and what the mount's is another today, and so are the options of proc and ramfs
#include "check.h"
#include <sys/mount.h>

static void mounts(const char *what) {
  say("%s", what);
  const char *files[] = { "/proc/self/mounts", "/proc/self/mountinfo" };
  for (int i = 0; i < 2; i++) {
    FILE *f = fopen(files[i], "r");
    char line[1000];
    while (f && fgets(line, sizeof line, f)) {
      char *at = strstr(line, "/tmp/here"), *size = strstr(line, "devtmpfs") ? strstr(line, ",size=") : NULL;
      if (!at) continue;
      line[strcspn(line, "\n")] = 0;
      if (size) strcpy(size, size + strcspn(size, " m"));      /* that of the machine */
      say("  %s", i ? at : line);
    }
    if (f) fclose(f);
  }
}

static long tmpfs(const char *options) { return mount("none", "/tmp/here/a", "tmpfs", 0, options); }

static void option(const char *options) {
  long r = tmpfs(options);
  show(options, r);
  if (r) return;
  mounts("  shown");
  struct stat s;
  must(stat("/tmp/here/a", &s));
  say("  mode %o, owner %d %d", s.st_mode & 07777, s.st_uid, s.st_gid);
  must(umount("/tmp/here/a"));
}

int main(void) {
  must(unshare(CLONE_NEWNS));
  mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
  must(mount("none", "/tmp", "tmpfs", 0, NULL));
  must(mkdir("/tmp/here", 0755));
  must(mount("a source", "/tmp/here", "tmpfs", MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_NODEV, "size=1m,mode=750"));
  must(mkdir("/tmp/here/a", 0755));
  mounts("flags");
  show("remount", mount(NULL, "/tmp/here", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  mounts("read-only");
  show("remount", mount(NULL, "/tmp/here", NULL, MS_REMOUNT | MS_MANDLOCK, "size=2m,mode=700,uid=5"));
  mounts("other limits");

  show("proc read-only", mount("p", "/tmp/here/a", "proc", MS_RDONLY | MS_NOSUID, NULL));
  mounts("the mount is");
  int fd = (int)show_ok("write elsewhere", open("/proc/self/comm", O_WRONLY));
  show_ok("write here", open("/tmp/here/a/self/comm", O_WRONLY));
  show("remount", mount(NULL, "/tmp/here/a", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  close(fd);
  show("remount", mount(NULL, "/tmp/here/a", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  show_ok("write elsewhere", open("/proc/self/comm", O_WRONLY));
  show("remount", mount(NULL, "/tmp/here/a", NULL, MS_REMOUNT, NULL));
  must(umount("/tmp/here/a"));
  show("devpts", mount("p", "/tmp/here/a", "devpts", MS_RDONLY, NULL));
  mounts("its options begin anew");
  must(umount("/tmp/here/a"));
  show("devpts", mount("p", "/tmp/here/a", "devpts", 0, "gid=5,uid=7,mode=620,ptmxmode=666"));
  mounts("others");
  must(umount("/tmp/here/a"));
  show("devtmpfs", mount("p", "/tmp/here/a", "devtmpfs", MS_RDONLY, NULL));
  show("make a file elsewhere", mkdir("/dev/dir", 0755));
  show("remount", mount(NULL, "/tmp/here/a", NULL, MS_REMOUNT, NULL));
  must(umount("/tmp/here/a"));
  show("ramfs", mount("p", "/tmp/here/a", "ramfs", 0, "mode=700,other"));
  mounts("ramfs");
  must(umount("/tmp/here/a"));

  const char *all[] = { "", "size=4k", "size=5000", "size=3M,nr_inodes=1k", "nr_blocks=7", "nr_blocks=0,nr_inodes=0",
                        "mode=1777", "mode=0", "mode=17777", "uid=3,gid=4", "uid=010", "mode=8", "size", "size=", "size=k", "uid=x",
                        "nosuch=1", "nosuch", ",,size=8k,,", "size=4kk" };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) option(all[i]);
  return 0;
}
