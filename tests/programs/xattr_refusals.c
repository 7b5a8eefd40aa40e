/* Extended attributes: mistakes, and names that no file system knows. */
#include "check.h"

static char value[8];
static char longest[300];

int main(void) {
  go_to_scratch();
  write_file("f", "text", 0644);
  must(symlink("nowhere", "dangling"));
  int fd = must(open("f", O_RDWR));
  memset(longest, 'n', sizeof longest - 1);
  const char *names[] = { "nosuch.name", "", longest, (char *)8 };
  const char *called[] = { "unknown", "empty", "too long", "bad pointer" };
  for (int i = 0; i < 4; i++) {
    say("a name that is %s", called[i]);
    show("  setxattr", syscall(SYS_setxattr, "f", names[i], value, 1UL, 0));
    show("  lsetxattr", syscall(SYS_lsetxattr, "f", names[i], value, 1UL, 0));
    show("  fsetxattr", syscall(SYS_fsetxattr, fd, names[i], value, 1UL, 0));
    show("  getxattr", syscall(SYS_getxattr, "f", names[i], value, sizeof value));
    show("  lgetxattr", syscall(SYS_lgetxattr, "f", names[i], value, sizeof value));
    show("  fgetxattr", syscall(SYS_fgetxattr, fd, names[i], value, sizeof value));
    show("  removexattr", syscall(SYS_removexattr, "f", names[i]));
    show("  lremovexattr", syscall(SYS_lremovexattr, "f", names[i]));
    show("  fremovexattr", syscall(SYS_fremovexattr, fd, names[i]));
  }
  say("no such file");
  show("  setxattr", syscall(SYS_setxattr, "dangling", "nosuch.name", value, 1UL, 0));
  show("  getxattr", syscall(SYS_getxattr, "dangling", "nosuch.name", value, sizeof value));
  show("  listxattr", syscall(SYS_listxattr, "dangling", value, sizeof value));
  show("  removexattr", syscall(SYS_removexattr, "dangling", "nosuch.name"));
  say("no such descriptor");
  show("  fsetxattr", syscall(SYS_fsetxattr, 77, "nosuch.name", value, 1UL, 0));
  show("  fgetxattr", syscall(SYS_fgetxattr, 77, "nosuch.name", value, sizeof value));
  show("  flistxattr", syscall(SYS_flistxattr, 77, value, sizeof value));
  show("  fremovexattr", syscall(SYS_fremovexattr, 77, "nosuch.name"));
  say("the link itself");
  show("  lgetxattr", syscall(SYS_lgetxattr, "dangling", "nosuch.name", value, sizeof value));
  show("  lsetxattr", syscall(SYS_lsetxattr, "dangling", "nosuch.name", value, 1UL, 0));
  show("  lremovexattr", syscall(SYS_lremovexattr, "dangling", "nosuch.name"));
  show("  llistxattr", syscall(SYS_llistxattr, "dangling", value, 0UL));
  show("listxattr", syscall(SYS_listxattr, "f", value, 0UL));
  show("flistxattr", syscall(SYS_flistxattr, fd, value, 0UL));
  return 0;
}
