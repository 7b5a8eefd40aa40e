/* A thread that is not the leader executes a program: the process's parent, children, group, session and pending
   signals stay; the exit signal becomes SIGCHLD. */
#include "check.h"

static char **args;
static int worker(void *unused) {
  (void)unused;
  execl(args[0], args[0], args[1], args[2], "executed", NULL);
  _exit(99);
}

int main(int argc, char **argv) {
  if (argc > 3) {
    pid_t child = atoi(argv[2]);
    say("own pid is tid: %d", getpid() == gettid_());
    say("group kept: %d, session kept: %d", getpgrp() == atoi(argv[1]), getsid(0) == atoi(argv[1]));
    say("pending signal kept: %d", is_pending(SIGUSR1));
    show("child kept, alive", waitpid(child, NULL, WNOHANG));
    kill(child, SIGTERM);
    say("child: %s", reap(child));
    show("threads", (long)waitpid(-1, NULL, __WALL));
    _exit(3);
  }
  own_session();
  pid_t leader = getpid();
  long p = must(clone_fork(SIGUSR2));
  if (p == 0) {
    pid_t child;
    CHILD(child) for (;;) pause();
    char group[20], number[20];
    snprintf(group, sizeof group, "%d", leader);
    snprintf(number, sizeof number, "%d", child);
    char *numbers[] = { argv[0], group, number };
    args = numbers;
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    must(raw_clone((unsigned long)flags, new_stack(), NULL, NULL, NULL, worker, NULL) < 0 ? -1 : 0);
    for (;;) pause();
  }
  int status;
  must(waitpid((pid_t)p, &status, __WALL));
  say("%s", wait_str(status));
  return 0;
}
