/* sigaltstack(): SA_ONSTACK handlers run there, nested ones stay there, and it cannot be changed meanwhile. */
#include "check.h"

static char stack[65536];
static int on_stack(void) {
  char here;
  return (uintptr_t)&here >= (uintptr_t)stack && (uintptr_t)&here < (uintptr_t)stack + sizeof stack;
}
static void inner(int sig) {
  (void)sig;
  say("  nested: on it %d", on_stack());
}
static void handler(int sig) {
  stack_t now, other = { .ss_sp = stack, .ss_size = sizeof stack };
  sigaltstack(NULL, &now);
  say("signal %d: on it %d, flags %d", sig, on_stack(), now.ss_flags);
  if (on_stack()) {
    show("  changing it", sigaltstack(&other, NULL));
    raise(SIGHUP);
  }
}
static void overflow(int sig) {
  (void)sig;
  say("stack overflow caught: on it %d", on_stack());
  _exit(0);
}
static volatile int bottomless = 1;
static int deeper(volatile char *p) {
  volatile char block[4096];
  block[0] = *p;
  if (!bottomless) return 0;
  return deeper(block) + block[0];
}

int main(void) {
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack }, old;
  must(sigaltstack(NULL, &old));
  say("at first: flags %d", old.ss_flags);
  must(sigaltstack(&ss, NULL));
  on_signal_flags(SIGUSR1, handler, SA_ONSTACK);
  on_signal_flags(SIGUSR2, handler, 0);
  on_signal_flags(SIGHUP, inner, SA_ONSTACK);
  raise(SIGUSR1);
  raise(SIGUSR2);
  ss.ss_size = 1024;
  show("too small", syscall(SYS_sigaltstack, &ss, NULL));
  ss.ss_flags = 77;
  show("bad flags", syscall(SYS_sigaltstack, &ss, NULL));
  ss.ss_flags = SS_DISABLE;
  show("disable", sigaltstack(&ss, NULL));
  show("bad pointer", syscall(SYS_sigaltstack, 8, NULL));
  raise(SIGUSR1);
  pid_t child;
  CHILD(child) {
    struct rlimit r = { 1 << 18, 1 << 18 };
    char c = 1;
    ss = (stack_t){ .ss_sp = stack, .ss_size = sizeof stack };
    must(sigaltstack(&ss, NULL));
    must(setrlimit(RLIMIT_STACK, &r));
    on_signal_flags(SIGSEGV, overflow, SA_ONSTACK);
    _exit(deeper(&c));
  }
  say("%s", reap(child));
  CHILD(child) {
    struct rlimit r = { 1 << 18, 1 << 18 };
    char c = 1;
    must(setrlimit(RLIMIT_STACK, &r));
    on_signal_flags(SIGSEGV, overflow, 0);
    _exit(deeper(&c));
  }
  say("without one: %s", reap(child));
  return 0;
}
