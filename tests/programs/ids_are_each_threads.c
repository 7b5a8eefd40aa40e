/* The kernel keeps user, group and groups for each thread: a raw setuid() in one changes no other; a child has its maker's. */
// needs: root
#include "check.h"
#include <grp.h>

static void *thread(void *arg) {
  gid_t groups[] = { 7, 8 };
  must(syscall(SYS_setgroups, 2, groups));
  must(syscall(SYS_setresgid, 21, 22, 23));
  must(syscall(SYS_setresuid, 11, 12, 13));
  pid_t child;
  CHILD(child) {
    uid_t r, e, s;
    must(getresuid(&r, &e, &s));
    say("child of the thread: %d %d %d, groups %d", r, e, s, getgroups(0, NULL));
    _exit(0);
  }
  wait_for(child);
  char path[60], line[200];
  snprintf(path, sizeof path, "/proc/self/task/%d/status", gettid_());
  FILE *f = fopen(path, "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) || !strncmp(line, "Groups", 6)) say("%.*s", (int)strcspn(line, "\n"), line);
  if (f) fclose(f);
  return arg;
}

int main(void) {
  must(setgroups(0, NULL));
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  uid_t r, e, s;
  must(getresuid(&r, &e, &s));
  say("main: %d %d %d, groups %d", r, e, s, getgroups(0, NULL));
  return 0;
}
