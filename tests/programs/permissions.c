/* What a user may do to files: owner, group, other, the super-user, sticky directories, umask. */
// needs: root
#include "check.h"

static void as(uid_t uid, gid_t gid, const char *name) {
  pid_t child;
  CHILD(child) {
    must((int)syscall(SYS_setgroups, 0, NULL));
    must(setgid(gid));
    must(setuid(uid));
    char result[5] = "";
    for (int i = 0; i < 3; i++) result[i] = access("f", 4 >> i) == 0 ? "rwx"[i] : '-';
    int fd = open("f", O_RDONLY);
    say("%s: %s, open %s", name, result, fd == -1 ? errname(errno) : "ok");
    show("  create", open("new", O_CREAT | O_WRONLY | O_EXCL, 0644));
    show("  unlink", unlink("f"));
    show("  chmod", chmod("f", 0777));
    show("  chown", chown("f", uid, gid));
    show("  enter", chdir("closed"));
    _exit(0);
  }
  wait_for(child);
}

int main(void) {
  go_to_scratch();
  write_file("f", "text", 0741);
  must(chown("f", 1000, 2000));
  must(chmod(".", 0755));
  must(mkdir("closed", 0700));
  as(1000, 1, "owner");
  must(chmod("f", 0741));
  as(1001, 2000, "group");
  as(1002, 1, "other");
  must(chmod(".", 01777));
  pid_t child;
  CHILD(child) {
    must(setuid(1002));
    show("sticky: another's file", unlink("f"));
    umask(077);
    int fd = open("mine", O_CREAT | O_WRONLY, 0666);
    struct stat st;
    must(fstat(fd, &st));
    say("umask 077: %03o, owner %d", st.st_mode & 0777, st.st_uid);
    show("own file", unlink("mine"));
    _exit(0);
  }
  wait_for(child);
  show("root may read all", access("closed", R_OK | X_OK));
  must(chmod("f", 0600));
  show("but execute only with some x bit", access("f", X_OK));
  return 0;
}
