/* What 3.2 lets a program leave behind by exec, or do to its parent, that later kernels do not. */
// differs: sa_restorer is kept over exec until 3.9; until 3.3 a child chooses the exit signal of a sibling that it makes
// with CLONE_PARENT, and nothing kills a parent in vfork
#include "check.h"

struct kernel_action { void *handler; unsigned long flags; void *restorer; unsigned long mask; };

static void set(int sig, void *handler) {
  struct kernel_action action = {handler, 0x04000000, (void *)0x7f00deadb000, ~0ul};
  syscall(SYS_rt_sigaction, sig, &action, 0, 8);
}

static void show_action(const char *what, int sig) {
  struct kernel_action now = {0};
  syscall(SYS_rt_sigaction, sig, 0, &now, 8);
  say("%s: handler %lx, flags %lx, restorer %lx, mask %lx", what, (long)now.handler, now.flags, (long)now.restorer, now.mask);
}

static void sibling(void) {
  pid_t service = fork();
  if (!service) {
    if (!fork()) {
      syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);
      _exit(0);
    }
    sleep(1);
    _exit(0);
  }
  int status;
  waitpid(service, &status, 0);
  say("the parent of siblings: signal %d", status & 127);
}

static void in_vfork(void) {
  pid_t parent = fork();
  if (!parent) {
    if (!vfork()) {
      struct timespec time = {1, 0};
      syscall(SYS_nanosleep, &time, 0);
      _exit(0);
    }
    _exit(0);
  }
  usleep(200000);
  kill(parent, SIGKILL);
  usleep(200000);
  say("a parent in vfork after SIGKILL: %s", waitpid(parent, 0, WNOHANG) == parent ? "dead" : "asleep");
  waitpid(parent, 0, 0);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    show_action("ignored", SIGUSR1);
    show_action("handled", SIGUSR2);
    show_action("never set", SIGURG);
    return 0;
  }
  set(SIGUSR1, SIG_IGN);
  set(SIGUSR2, (void *)0x400000);
  if (!fork()) {
    execl("/proc/self/exe", "exec_leftovers", "again", (char *)0);
    _exit(1);
  }
  wait(0);
  set(SIGUSR1, SIG_DFL);
  sibling();
  in_vfork();
  return 0;
}
