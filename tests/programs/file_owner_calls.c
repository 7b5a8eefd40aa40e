/* chown and its kin: of a file, of a link itself, by descriptor and beside a directory. */
// needs: root
#include "check.h"

static void owners(void) {
  struct stat f, l;
  must(stat("f", &f));
  must(lstat("link", &l));
  say("  f: %d %d %o, link: %d %d", (int)f.st_uid, (int)f.st_gid, f.st_mode & 07777, (int)l.st_uid, (int)l.st_gid);
}

int main(void) {
  go_to_scratch();
  int fd = must(syscall(SYS_creat, "f", 06755));
  must(fchmod(fd, 06755));
  must(symlink("f", "link"));
  must(symlink("nowhere", "dangling"));
  owners();
  show("chown by the link", syscall(SYS_chown, "link", 1, 2));
  owners();
  show("lchown", syscall(SYS_lchown, "link", 3, 4));
  owners();
  show("fchown, the group only", syscall(SYS_fchown, fd, -1, 5));
  owners();
  show("fchownat by the link", syscall(SYS_fchownat, AT_FDCWD, "link", 6, -1, 0));
  owners();
  show("fchownat of the link", syscall(SYS_fchownat, AT_FDCWD, "link", 7, 8, AT_SYMLINK_NOFOLLOW));
  owners();
  show("fchownat, an unknown flag", syscall(SYS_fchownat, AT_FDCWD, "f", 0, 0, 1));
  show("fchownat, no directory", syscall(SYS_fchownat, fd, "f", 0, 0, 0));
  show("fchown, no file", syscall(SYS_fchown, 77, 0, 0));
  show("chown, dangling", syscall(SYS_chown, "dangling", 0, 0));
  show("lchown, dangling", syscall(SYS_lchown, "dangling", 1, 1));
  show("creat in no directory", syscall(SYS_creat, "none/f", 0644));
  show("creat of a directory", syscall(SYS_creat, ".", 0644));
  must(setresgid(9, 9, 9));
  must(setresuid(6, 6, 6));
  show("chown by the owner", syscall(SYS_chown, "f", 1, -1));
  show("chown to the owner's own", syscall(SYS_chown, "f", 6, 9));
  show("chown to a strange group", syscall(SYS_chown, "f", -1, 5));
  show("lchown of another's link", syscall(SYS_lchown, "link", -1, 9));
  owners();
  return 0;
}
