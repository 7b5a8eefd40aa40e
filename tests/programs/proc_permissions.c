/* What a user may read of another user's process in /proc, and whose the directory is: the effective user's, if dumpable. */
// needs: root
#include "check.h"

static pid_t target;
static void look(const char *name) {
  char path[80], text[300];
  snprintf(path, sizeof path, "/proc/%d/%s", target, name);
  struct stat st;
  if (lstat(path, &st)) {
    show(name, -1);
    return;
  }
  if (S_ISLNK(st.st_mode)) {
    show_ok(name, readlink(path, text, sizeof text));
    return;
  }
  int fd = open(path, O_RDONLY | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
  if (fd == -1 || S_ISDIR(st.st_mode)) show_ok(name, fd);
  else show_ok(name, read(fd, text, sizeof text));
  if (fd != -1) close(fd);
}
static void owner(const char *name, pid_t pid, uid_t uid) {
  char path[40];
  struct stat st;
  snprintf(path, sizeof path, "/proc/%d", pid);
  must(stat(path, &st));
  say("%s: %s", name, st.st_uid == uid ? "its user" : st.st_uid == 0 ? "root" : "?");
}

int main(void) {
  struct gate ready = new_gate();
  uid_t uid = fresh_uid(), other = uid + 1;
  CHILD(target) {
    must(setresuid(uid, uid, uid));
    must(prctl(PR_SET_DUMPABLE, 1));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  static const char *const names[] = { "stat", "status", "statm", "cmdline", "comm", "environ", "auxv", "maps", "smaps", "limits", "oom_score", "exe", "cwd", "root", "fd", "fdinfo", "task" };
  pid_t child;
  for (int i = 0; i < 2; i++) {
    CHILD(child) {
      must(setresgid(i ? other : 0, i ? other : 0, i ? other : 0));
      if (i) must(setresuid(other, other, other));
      say(i ? "another user" : "root");
      for (size_t n = 0; n < sizeof names / sizeof *names; n++) look(names[n]);
      _exit(0);
    }
    wait_for(child);
  }
  owner("dumpable", target, uid);
  kill(target, SIGKILL);
  wait_state(target, "Z");
  owner("zombie", target, uid);
  wait_for(target);
  CHILD(target) {
    must(setresuid(uid, uid, uid));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  owner("not dumpable", target, uid);
  kill(target, SIGKILL);
  wait_for(target);
  return 0;
}
