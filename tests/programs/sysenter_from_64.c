/* SYSENTER in a 64-bit program makes i386's call, and has nowhere to return to. */
// differs: later kernels refuse it, or return to the caller
#include "check.h"

static void on_segv(int sig) { say("handler of %d", sig), _exit(9); }

static void enter(unsigned nr, unsigned char *stack) {
  __asm__ volatile("mov %%rsi, %%rbp; sysenter" : : "a"(nr), "S"(stack), "b"(1) : "memory");
}

int main(void) {
  pid_t pid;
  unsigned char *low = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  stack_t alt = {.ss_sp = low, .ss_size = 32768};
  signal(SIGSEGV, on_segv);
  CHILD(pid) enter(20, low + 60000), _exit(1);
  say("getpid, a handler: %s", reap(pid));
  must(sigaltstack(&alt, NULL));
  struct sigaction sa = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};
  must(sigaction(SIGSEGV, &sa, NULL));
  CHILD(pid) enter(20, low + 60000), _exit(1);
  say("getpid, a handler on its own stack: %s", reap(pid));
  CHILD(pid) enter(1, low + 60000), _exit(1);
  say("exit: %s", reap(pid));
  CHILD(pid) enter(1, low + 1000000000), _exit(1);
  say("no stack: %s", reap(pid));
  return 0;
}
