/* The frame's FP state: a handler sees the x87 stack, the control words and the XMM registers, and what it changes there counts. */
#include "check.h"
#include <ucontext.h>

struct image { uint16_t control, status; uint8_t tags, zero; uint16_t opcode; uint64_t ip, dp; uint32_t mxcsr, mask; } head;
static unsigned char *area;
static int fill;

static void show_image(const char *what, const unsigned char *fp) {
  struct image h;
  memcpy(&h, fp, sizeof h);
  say("%s: control %x, status %x, tags %x, mxcsr %x", what, h.control, h.status & ~0xffU & 0x3fff, h.tags, h.mxcsr);
  say("  top of the stack %u", h.status >> 11 & 7);
  for (int i = 0; i < 8; i++) {
    uint64_t low;
    uint16_t high;
    memcpy(&low, fp + 32 + 16 * i, 8);
    memcpy(&high, fp + 32 + 16 * i + 8, 2);
    say("  st%d %016lx %04x", i, (unsigned long)low, high);
  }
  for (int i = 0; i < 16; i++) {
    uint64_t w[2];
    memcpy(w, fp + 160 + 16 * i, 16);
    say("  xmm%d %016lx%016lx", i, (unsigned long)w[1], (unsigned long)w[0]);
  }
}

static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  unsigned char *fp = (unsigned char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  say("aligned: %d", !((uintptr_t)fp & 15));
  show_image("in the handler", fp);
  if (fill) {
    for (int i = 0; i < 16; i++) memset(fp + 160 + 16 * i, 0x10 + i, 16);
    memcpy(fp + 32, "\1\2\3\4\5\6\7\x88\x01\x40", 10);
    memcpy(fp + 24, "\x80\x5f\0\0", 4);
  }
}

/* Raise the signal with a known state, and store what is there afterwards. */
static void raise_with(int pushed) {
  static const double first = 1.5;
  unsigned char pattern[256];
  for (int i = 0; i < 256; i++) pattern[i] = (unsigned char)(i * 7 + pushed);
  __asm__ volatile("fninit" ::: "memory");
  for (int i = 0; i < pushed; i++) __asm__ volatile("fldl %0; fldpi; faddp" ::"m"(first) : "memory");
  long result = SYS_kill;
  __asm__ volatile(
    "movups (%[p]), %%xmm0; movups 16(%[p]), %%xmm1; movups 32(%[p]), %%xmm2; movups 48(%[p]), %%xmm3;"
    "movups 64(%[p]), %%xmm4; movups 80(%[p]), %%xmm5; movups 96(%[p]), %%xmm6; movups 112(%[p]), %%xmm7;"
    "movups 128(%[p]), %%xmm8; movups 144(%[p]), %%xmm9; movups 160(%[p]), %%xmm10; movups 176(%[p]), %%xmm11;"
    "movups 192(%[p]), %%xmm12; movups 208(%[p]), %%xmm13; movups 224(%[p]), %%xmm14; movups 240(%[p]), %%xmm15;"
    "syscall; fxsave64 (%[a])"
    : "+a"(result) : [p] "r"(pattern), [a] "r"(area), "D"((long)getpid()), "S"((long)SIGUSR1)
    : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
  unsigned mxcsr = 0x1f80;
  __asm__ volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
  show_image("afterwards", area);
}

int main(void) {
  area = shared_memory(4096);
  on_siginfo(SIGUSR1, handler, 0);
  for (fill = 0; fill < 2; fill++)
    for (int pushed = 0; pushed <= 8; pushed += 1 + pushed) {
      say("%d on the x87 stack, %s", pushed, fill ? "changed by the handler" : "left alone");
      raise_with(pushed);
    }
  return 0;
}
