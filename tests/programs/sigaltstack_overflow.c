/* A handler that overflows the alternate stack, or has one without memory, is the end of the process. */
#include "check.h"

static volatile int bottomless = 1;
static int deeper(volatile char *p) {
  volatile char block[1024];
  block[0] = *p;
  if (!bottomless) return 0;
  return deeper(block) + block[0];
}
static void dives(int sig) {
  char c = (char)sig;
  deeper(&c);
}
static void nothing(int sig) { (void)sig; }
static void ends(int sig) {
  (void)sig;
  _exit(7);
}

int main(void) {
  char *area = mmap(NULL, 3 * 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(mprotect(area + 65536, 65536, PROT_READ | PROT_WRITE));
  pid_t child;
  for (int i = 0; i < 2; i++) {
    CHILD(child) {
      stack_t ss = { .ss_sp = area + 65536, .ss_size = 65536 };
      must(sigaltstack(&ss, NULL));
      on_signal_flags(SIGUSR1, dives, SA_ONSTACK);
      if (i) on_signal_flags(SIGSEGV, ends, SA_ONSTACK);
      raise(SIGUSR1);
      _exit(1);
    }
    say("overflow%s: %s", i ? ", the fault's handler starts at its top again" : "", reap(child));
  }
  CHILD(child) {
    stack_t ss = { .ss_sp = area, .ss_size = 65536 };
    must(sigaltstack(&ss, NULL));
    on_signal_flags(SIGUSR1, nothing, SA_ONSTACK);
    raise(SIGUSR1);
    _exit(1);
  }
  say("no memory: %s", reap(child));
  CHILD(child) {
    on_signal_flags(SIGSEGV, nothing, 0);
    __asm__ volatile("mov $8, %%rsp; movl $1, 0" ::: "memory");
    _exit(1);
  }
  say("bad stack pointer and a handler: %s", reap(child));
  return 0;
}
