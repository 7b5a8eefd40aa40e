/* CPU exceptions and the signals they become: SEGV, ILL, FPE, TRAP, and general protection without an address. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static void handler(int sig, siginfo_t *i, void *context) {
  (void)context;
  say("  signal %d code %d", sig, i->si_code);
  siglongjmp(back, 1);
}
#define TRY(name, ...)                \
  do {                                \
    say(name);                        \
    if (!sigsetjmp(back, 1)) {        \
      __VA_ARGS__;                    \
      say("  nothing");               \
    }                                 \
  } while (0)

static void all(void) {
  volatile int zero = 0;
  TRY("load from 0", (void)*(volatile int *)(long)zero);
  TRY("store to 16", *(volatile int *)(long)(zero + 16) = 1);
  TRY("jump to 0", ((void (*)(void))(long)zero)());
  TRY("kernel address", (void)*(volatile int *)0xffff880000000000);
  TRY("non-canonical address", (void)*(volatile int *)0x0800000000000000);
  TRY("divide by zero", __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx", "cc"));
  TRY("undefined instruction", __asm__ volatile("ud2"));
  TRY("privileged instruction", __asm__ volatile("hlt"));
  TRY("cli", __asm__ volatile("cli"));
  TRY("port", __asm__ volatile("mov $0x80, %%dx; in %%dx, %%al" ::: "rax", "rdx"));
  TRY("breakpoint", __asm__ volatile("int3"));
}

int main(void) {
  on_siginfo(SIGSEGV, handler, 0);
  on_siginfo(SIGILL, handler, 0);
  on_siginfo(SIGFPE, handler, 0);
  on_siginfo(SIGTRAP, handler, 0);
  on_siginfo(SIGBUS, handler, 0);
  all();
  static const int kinds[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP };
  for (int i = 0; i < 4; i++)
    for (int how = 0; how < 3; how++) {
      pid_t child;
      CHILD(child) {
        on_signal(kinds[i], how == 1 ? SIG_IGN : SIG_DFL);
        if (how == 2) block(kinds[i]);
        if (i == 0) *(volatile int *)8 = 1;
        if (i == 1) __asm__ volatile("ud2");
        if (i == 2) __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx", "cc");
        if (i == 3) __asm__ volatile("int3");
        _exit(0);
      }
      say("%d %s: %s", kinds[i], how == 0 ? "default" : how == 1 ? "ignored" : "blocked", reap(child));
    }
  return 0;
}
