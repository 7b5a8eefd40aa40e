/* In devpts only the kernel makes and removes files: which call fails how; what chmod() and chown() did goes with the terminal. */
#include "tty.h"
// needs: root
// needs: pty

static void show_file(const char *what, const char *path) {
  struct stat s;
  if (stat(path, &s)) say("%s: %s", what, errname(errno));
  else
    say("%s: mode %o, uid %u, gid %u, links %u, size %ld, blocks %ld of %ld bytes", what, s.st_mode, s.st_uid, s.st_gid,
        (unsigned)s.st_nlink, (long)s.st_size, (long)s.st_blocks, (long)s.st_blksize);
}

int main(void) {
  struct pty p = new_pty();
  char path[40], new[40];
  sprintf(path, "/dev/pts/%d", slave_number(p.m));
  sprintf(new, "/dev/pts/new");
  show("mkdir", mkdir(new, 0755));
  show("symlink", symlink("target", new));
  show("link", link(path, new));
  show("rename", rename(path, new));
  show("open to create", open(new, O_RDWR | O_CREAT, 0600));
  show("mknod of a file", mknod(new, S_IFREG | 0600, 0));
  show("mknod of a FIFO", mknod(new, S_IFIFO | 0600, 0));
  show("mknod of a socket", mknod(new, S_IFSOCK | 0600, 0));
  show("mknod of a device", mknod(new, S_IFCHR | 0600, 0x8800));
  show("mknod of what is there", mknod(path, S_IFCHR | 0600, 0x8800));
  show("unlink", unlink(path));
  show("rmdir", rmdir(path));
  show("truncate", truncate(path, 0));

  show_file("as made", path);
  show("chmod", chmod(path, 0604));
  show("chown", chown(path, 5, 6));
  show_file("changed", path);
  close(p.s);
  show_file("without an open slave", path);
  close(p.m);
  show_file("without a master", path);
  struct pty q = new_pty();
  sprintf(new, "/dev/pts/%d", slave_number(q.m));
  say("the number is used again: %d", !strcmp(path, new));
  show_file("another one", new);
  return 0;
}
