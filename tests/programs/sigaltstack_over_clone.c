/* The alternate stack: a forked or vforked child has it, one that shares the memory otherwise, and a thread, has none. */
#include "check.h"

static char stack[65536];
static int has_one(void *unused) {
  (void)unused;
  stack_t now;
  syscall(SYS_sigaltstack, NULL, &now);
  return now.ss_flags == SS_DISABLE ? 0 : now.ss_sp == stack && now.ss_size == sizeof stack ? 1 : 2;
}
static volatile int in_thread = -1;
static int thread(void *unused) {
  in_thread = has_one(unused);
  return 0;
}

int main(void) {
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
  must(sigaltstack(&ss, NULL));
  say("self %d", has_one(NULL));
  pid_t child;
  CHILD(child) _exit(has_one(NULL));
  say("fork: %s", reap(child));
  child = vfork();
  if (child == 0) _exit(has_one(NULL));
  say("vfork: %s", reap(child));
  child = (pid_t)raw_clone(CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, has_one, NULL);
  say("shared memory: %s", reap(child));
  child = (pid_t)raw_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, new_stack(), NULL, NULL, NULL, has_one, NULL);
  say("shared memory, suspended: %s", reap(child));
  raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, new_stack(), NULL, NULL, NULL, thread, NULL);
  while (in_thread == -1) sleep_ms(1);
  say("thread: %d", in_thread);
  return 0;
}
