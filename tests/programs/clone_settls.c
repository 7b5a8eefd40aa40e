/* CLONE_SETTLS sets the new thread's FS base and leaves the caller's; without it the base is inherited. */
#include "check.h"

static volatile unsigned long base;
static unsigned long fs_base(void) {
  unsigned long b = 0;
  syscall(SYS_arch_prctl, 0x1003, &b);
  return b;
}
/* No libc call that would look at its thread block. */
static int tells(void *done) {
  unsigned long b = 0;
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "0"(158L), "D"(0x1003L), "S"(&b) : "rcx", "r11", "memory");
  base = b;
  *(volatile int *)done = 1;
  return 5;
}

int main(void) {
  static char block[4096] __attribute__((aligned(64)));
  volatile int done = 0;
  unsigned long before = fs_base();
  raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS, new_stack(), NULL, NULL, block + 2048, tells, (void *)&done);
  while (!done) sleep_ms(1);
  say("thread: as asked %d; ours stays %d", base == (unsigned long)(block + 2048), fs_base() == before);
  done = 0;
  raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, new_stack(), NULL, NULL, block, tells, (void *)&done);
  while (!done) sleep_ms(1);
  say("without the flag: ours %d", base == before);
  done = 0;
  long c = raw_clone(CLONE_SETTLS | SIGCHLD, new_stack(), NULL, NULL, block + 1024, tells, (void *)&done);
  say("process: %s", reap((pid_t)c));
  pid_t child;
  CHILD(child) _exit(fs_base() == before ? 6 : 7);
  say("fork inherits it: %s", reap(child));
  return 0;
}
