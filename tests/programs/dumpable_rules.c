/* Whether a process may be looked at: inherited by fork, lost by a change of user, gained by exec, not of an unreadable file. */
// needs: root
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    say("%s: %d", argv[1], prctl(PR_GET_DUMPABLE));
    return 0;
  }
  go_to_scratch();
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[n] = 0;
  pid_t child;
  uid_t uid = fresh_uid();
  say("at first %d", prctl(PR_GET_DUMPABLE));
  CHILD(child) {
    must(prctl(PR_SET_DUMPABLE, 0));
    pid_t c;
    CHILD(c) {
      say("child of one that is not: %d", prctl(PR_GET_DUMPABLE));
      execl(self, "x", "its exec", NULL);
    }
    wait_for(c);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    must(setresuid(uid, 0, 0));
    say("real user changed: %d", prctl(PR_GET_DUMPABLE));
    must(setresuid(uid, uid, 0));
    say("effective user changed: %d", prctl(PR_GET_DUMPABLE));
    must(prctl(PR_SET_DUMPABLE, 1));
    must(setresuid(uid, uid, uid));
    say("saved user changed: %d", prctl(PR_GET_DUMPABLE));
    execl(self, "x", "exec", NULL);
    _exit(1);
  }
  wait_for(child);
  CHILD(child) {
    must(setresgid(-1, 55, -1));
    say("effective group changed: %d", prctl(PR_GET_DUMPABLE));
    execl(self, "x", "exec with groups that differ", NULL);
    _exit(1);
  }
  wait_for(child);
  int in = (int)must(open(self, O_RDONLY)), out = (int)must(open("copy", O_WRONLY | O_CREAT, 0755));
  char buffer[65536];
  while ((n = read(in, buffer, sizeof buffer)) > 0) must(write(out, buffer, (size_t)n));
  must(fchmod(out, 0711));
  close(out);
  CHILD(child) {
    must(setresuid(uid, uid, uid));
    execl("copy", "x", "exec of a file that cannot be read", NULL);
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
