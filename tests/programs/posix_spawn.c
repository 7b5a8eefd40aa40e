/* posix_spawn(), with file actions, attributes and a program that does not exist. */
#include "check.h"
#include <spawn.h>

extern char **environ;

int main(int argc, char **argv) {
  if (argc > 1) {
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    say("spawned: %s, own pgrp: %d, SIGUSR1 blocked: %d, fd 9 open: %d", argv[1], getpgrp() == getpid(),
        sigismember(&mask, SIGUSR1), fcntl(9, F_GETFD) != -1);
    return 21;
  }
  pid_t pid;
  char *args[] = { argv[0], "hello", NULL };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, 1, 9);
  posix_spawnattr_init(&attr);
  sigset_t mask = set_of(SIGUSR1, 0);
  posix_spawnattr_setsigmask(&attr, &mask);
  posix_spawnattr_setpgroup(&attr, 0);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  int r = posix_spawn(&pid, argv[0], &actions, &attr, args, environ);
  const char *end = reap(pid);
  say("spawn: %d, %s", r, end);
  r = posix_spawn(&pid, argv[0], NULL, NULL, args, environ);
  end = reap(pid);
  say("plain spawn: %d, %s", r, end);
  say("no such program: %s", errname(posix_spawn(&pid, "/nowhere/at/all", NULL, NULL, args, environ)));
  show("and no child", wait(NULL));
  return 0;
}
