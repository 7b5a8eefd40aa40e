/* openat() and relatives: relative to a directory, to the cwd, and wrong ones; chdir, fchdir, getcwd; a removed cwd. */
#include "check.h"

int main(void) {
  char cwd[200];
  go_to_scratch();
  must(mkdir("d", 0755));
  must(mkdir("d/e", 0755));
  write_file("d/f", "in d", 0644);
  int d = (int)must(open("d", O_RDONLY | O_DIRECTORY)), f = (int)must(open("d/f", O_RDONLY));
  show_ok("below", openat(d, "f", O_RDONLY));
  show_ok("AT_FDCWD", openat(AT_FDCWD, "d/f", O_RDONLY));
  show("missing", openat(d, "zz", O_RDONLY));
  show("not a directory", openat(f, "x", O_RDONLY));
  show("bad fd", openat(99, "x", O_RDONLY));
  show_ok("absolute ignores it", openat(99, "/dev/null", O_RDONLY));
  show("mkdirat", mkdirat(d, "g", 0755));
  show("unlinkat", unlinkat(d, "g", AT_REMOVEDIR));
  struct stat st;
  show("fstatat", fstatat(d, "f", &st, 0));
  show("renameat", renameat(d, "f", AT_FDCWD, "moved"));
  show("faccessat", faccessat(AT_FDCWD, "moved", R_OK, 0));
  show("fchdir", fchdir(d));
  must(getcwd(cwd, sizeof cwd) ? 0 : -1);
  say("cwd ends in %s", strrchr(cwd, '/'));
  show("chdir ..", chdir(".."));
  show("chdir to a file", chdir("moved"));
  show("chdir missing", chdir("zz"));
  show("getcwd, small buffer", syscall(SYS_getcwd, cwd, 2));
  must(chdir("d/e"));
  must(rmdir("../e"));
  show("cwd removed", getcwd(cwd, sizeof cwd) ? 0 : -1);
  show("create in it", open("x", O_CREAT | O_WRONLY, 0644));
  show("up from it", chdir(".."));
  return 0;
}
