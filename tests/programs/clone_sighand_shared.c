/* CLONE_SIGHAND between processes: one set of handlers, two masks and two queues; exec takes a copy and leaves the other. */
#include "check.h"

static volatile pid_t handled;
static void handler(int sig) {
  (void)sig;
  handled = (pid_t)syscall(SYS_getpid);
}
static int sets(void *unused) {
  (void)unused;
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = handler;
  sigaction(SIGUSR2, &sa, NULL);
  sigset_t set = set_of(SIGUSR1, 0);
  sigprocmask(SIG_BLOCK, &set, NULL);
  syscall(SYS_kill, syscall(SYS_getpid), SIGUSR1);
  return 3;
}
static char *args[] = { "true", NULL };
static int executes(void *unused) {
  (void)unused;
  execve("/bin/true", args, args + 1);
  return 4;
}
static int sets_ignored(void *unused) {
  (void)unused;
  signal(SIGTERM, SIG_IGN);
  return 0;
}
static void *disposition(int sig) {
  struct sigaction sa;
  must(sigaction(sig, NULL, &sa));
  return (void *)sa.sa_handler;
}

int main(void) {
  on_signal(SIGUSR1, handler);
  long c = raw_clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD, new_stack(), NULL, NULL, NULL, sets, NULL);
  say("%s", reap((pid_t)c));
  say("its handler is ours: %d", disposition(SIGUSR2) == (void *)handler);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("its mask is not: %d, nor its pending signals: %d, handled %d", sigismember(&now, SIGUSR1), is_pending(SIGUSR1), handled);
  c = raw_clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD, new_stack(), NULL, NULL, NULL, executes, NULL);
  say("exec: %s", reap((pid_t)c));
  say("ours stay: %d", disposition(SIGUSR2) == (void *)handler);
  kill(getpid(), SIGUSR2);
  say("handled by us: %d", handled == getpid());
  c = raw_clone(CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, sets_ignored, NULL);
  const char *end = reap((pid_t)c);
  say("without the flag: %s, TERM still default: %d", end, disposition(SIGTERM) == (void *)SIG_DFL);
  c = raw_clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD, new_stack(), NULL, NULL, NULL, sets_ignored, NULL);
  end = reap((pid_t)c);
  say("with it: %s, TERM ignored: %d", end, disposition(SIGTERM) == (void *)SIG_IGN);
  return 0;
}
