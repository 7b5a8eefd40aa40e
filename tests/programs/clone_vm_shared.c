/* CLONE_VM without CLONE_THREAD: two processes, one memory, each with its own PID and handlers. */
#include "check.h"

static volatile int value = 1;
static volatile pid_t child_pid, child_parent;
static void handler(int sig) { (void)sig; }

static int child(void *arg) {
  struct sigaction sa = { .sa_handler = SIG_IGN };
  value = (int)(long)arg;
  child_pid = (pid_t)syscall(SYS_getpid);
  child_parent = (pid_t)syscall(SYS_getppid);
  sigaction(SIGUSR1, &sa, NULL);
  return 17;
}

static void attempt(const char *name, unsigned long flags) {
  on_signal(SIGUSR1, handler);
  long c = raw_clone(flags | CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, child, (void *)(value + 1L));
  say("%s: %s", name, reap((pid_t)c));
  struct sigaction sa;
  must(sigaction(SIGUSR1, NULL, &sa));
  say("  value %d, own pid: %d, parent is us: %d, disposition is %s", value, child_pid == c, child_parent == getpid(),
      sa.sa_handler == SIG_IGN ? "shared" : "its own");
}

int main(void) {
  attempt("CLONE_VM", 0);
  attempt("CLONE_VM|CLONE_SIGHAND", CLONE_SIGHAND);
  attempt("CLONE_VM|CLONE_VFORK", CLONE_VFORK);
  return 0;
}
