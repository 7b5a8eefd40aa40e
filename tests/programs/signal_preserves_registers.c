/* A handler may use every register, SSE and the red zone's neighbourhood; the interrupted code does not notice. */
#include "check.h"

static volatile int ticks;
static volatile double junk;
static void handler(int sig) {
  char scribble[300];
  memset(scribble, sig, sizeof scribble);
  junk = ticks * 3.5 + scribble[7];
  __asm__ volatile("xorps %%xmm0, %%xmm0; xorps %%xmm7, %%xmm7; xorps %%xmm15, %%xmm15; std; cld" ::: "xmm0", "xmm7", "xmm15", "cc");
  ticks++;
}

static __attribute__((noinline)) unsigned long leaf(unsigned long n) {
  unsigned long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7;
  for (unsigned long i = 0; i < n; i++) {
    a = a * 6364136223846793005UL + b;
    b ^= c + i, c += d ^ a, d = (d << 7 | d >> 57) + e, e -= f * 3, f ^= g + b, g += a;
  }
  return a ^ b ^ c ^ d ^ e ^ f ^ g;
}
static __attribute__((noinline)) double floats(int n) {
  double x = 1, y = 2, z = 3;
  for (int i = 0; i < n; i++) x = x * 1.0000001 + y, y = y * 0.9999999 + z * 1e-9, z += 1 / (x + i);
  return x + y + z;
}

int main(void) {
  unsigned long expect = leaf(20000), wrong = 0;
  double expected = floats(20000);
  on_signal(SIGALRM, handler);
  struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
  must(setitimer(ITIMER_REAL, &often, NULL));
  while (ticks < 50) {
    wrong += leaf(20000) != expect;
    wrong += floats(20000) != expected;
  }
  must(setitimer(ITIMER_REAL, &never, NULL));
  say("wrong: %lu", wrong);
  return 0;
}
