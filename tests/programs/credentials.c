/* setuid() and its relatives: what root may, what a user may, and the way back through the saved ID. */
// needs: root
#include "check.h"

static int fsuid(void) {
  char line[200];
  int fs = -2;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f)) sscanf(line, "Uid: %*d %*d %*d %d", &fs);
  if (f) fclose(f);
  return fs;
}
static void ids(const char *name) {
  uid_t r, e, s;
  gid_t rg, eg, sg;
  must(getresuid(&r, &e, &s));
  must(getresgid(&rg, &eg, &sg));
  say("%s: uid %d %d %d fs %d gid %d %d %d", name, r, e, s, fsuid(), rg, eg, sg);
}
#define SYS(name, ...) show(#name "(" #__VA_ARGS__ ")", syscall(SYS_##name, __VA_ARGS__))

int main(void) {
  pid_t child;
  ids("start");
  CHILD(child) {
    SYS(setgid, 500);
    SYS(setuid, 1000);
    ids("root: setuid sets all");
    SYS(setuid, 0);
    SYS(setuid, 1000);
    SYS(setgid, 0);
    SYS(setgroups, 0, NULL);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    SYS(setresuid, 1000, 1001, 1002);
    ids("three different");
    SYS(setuid, 1002);
    ids("to the saved");
    SYS(setuid, 1003);
    SYS(setreuid, 1002, 1000);
    ids("setreuid");
    SYS(setresuid, -1, 1002, -1);
    ids("only effective");
    SYS(setresuid, 0, -1, -1);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    must(setresuid((uid_t)-1, 1000, (uid_t)-1));
    ids("effective dropped");
    SYS(setgid, 77);
    must(setresuid((uid_t)-1, 0, (uid_t)-1));
    ids("and taken back");
    SYS(setgid, 77);
    SYS(setfsuid, 1234);
    SYS(setfsuid, 1000);
    _exit(0);
  }
  wait_for(child);
  gid_t groups[3] = { 7, 5, 9 }, got[5];
  must(syscall(SYS_setgroups, 3, groups));
  show("getgroups count", getgroups(0, NULL));
  show("getgroups too small", getgroups(2, got));
  show("getgroups", getgroups(5, got));
  say("%d %d %d", got[0], got[1], got[2]);
  return 0;
}
