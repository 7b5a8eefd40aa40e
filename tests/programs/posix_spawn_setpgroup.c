/* posix_spawn() with POSIX_SPAWN_SETPGROUP: a new group, an existing one, and one that does not exist. */
#include "check.h"
#include <spawn.h>

int main(int argc, char **argv) {
  if (argc > 1) _exit(getpgrp() == getpid() ? 1 : getpgrp() == atoi(argv[1]) ? 2 : 3);
  own_session();
  char *args[] = { argv[0], "0", NULL }, number[20], *no_env[] = { NULL };
  char self[PATH_MAX];
  must(realpath("/proc/self/exe", self) ? 0 : -1);
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
  int own = 0, joined = 0;
  for (int i = 0; i < 30; i++) {
    pid_t leader, member;
    posix_spawnattr_setpgroup(&attr, 0);
    if (posix_spawn(&leader, self, NULL, &attr, args, no_env)) say("FAILED: leader");
    /* A zombie or not, the group is there until it is reaped. */
    posix_spawnattr_setpgroup(&attr, leader);
    snprintf(number, sizeof number, "%d", leader);
    char *member_args[] = { argv[0], number, NULL };
    int r = posix_spawn(&member, self, NULL, &attr, member_args, no_env);
    if (r) say("FAILED: member: %s", errname(r));
    own += WEXITSTATUS(wait_for(leader)) == 1;
    joined += WEXITSTATUS(wait_for(member)) == 2;
  }
  say("own group %d, joined %d", own, joined);
  pid_t pid;
  posix_spawnattr_setpgroup(&attr, 1);
  say("a group of another session: %s", errname(posix_spawn(&pid, self, NULL, &attr, args, no_env)));
  show("no child is left behind", waitpid(-1, NULL, 0));
  return 0;
}
