/* A handler begins with the FP state of a new process, whatever it interrupts; what it does there is gone when it returns. */
#include "check.h"

unsigned char *images[2];               /* FXSAVE at the entry of the outer handler, and of the one within */
int depth;

/* Before the compiler can use a register: save all, then go on in C. */
__asm__(".text\n"
        ".globl entry_\n"
        "entry_:\n"
        "  movslq depth(%rip), %rax\n"
        "  lea images(%rip), %rcx\n"
        "  mov (%rcx,%rax,8), %rcx\n"
        "  fxsave64 (%rcx)\n"
        "  jmp go_on\n");
void entry_(int sig);
void go_on(int sig);

/* Another state than the first: rounding, a number on the x87 stack, and every XMM register. */
static void spoil(void) {
  uint16_t control = 0xf7f;
  unsigned mxcsr = 0x7f80;
  __asm__ volatile(
    "fldcw %0; fld1; ldmxcsr %1; pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm1; movdqa %%xmm0, %%xmm2; movdqa %%xmm0, %%xmm3;"
    "movdqa %%xmm0, %%xmm4; movdqa %%xmm0, %%xmm5; movdqa %%xmm0, %%xmm6; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm8;"
    "movdqa %%xmm0, %%xmm9; movdqa %%xmm0, %%xmm10; movdqa %%xmm0, %%xmm11; movdqa %%xmm0, %%xmm12; movdqa %%xmm0, %%xmm13;"
    "movdqa %%xmm0, %%xmm14; movdqa %%xmm0, %%xmm15" ::"m"(control), "m"(mxcsr)
    : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
      "xmm13", "xmm14", "xmm15");
}
void go_on(int sig) {
  depth++;
  long self = getpid();
  if (sig == SIGUSR1) {
    spoil();
    __asm__ volatile("syscall" ::"a"(SYS_kill), "D"(self), "S"((long)SIGUSR2) : "rcx", "r11", "memory");
  }
}

static void show_state(const char *what, const unsigned char *fp) {
  uint16_t control, status;
  unsigned mxcsr, used = 0;
  memcpy(&control, fp, 2);
  memcpy(&status, fp + 2, 2);
  memcpy(&mxcsr, fp + 24, 4);
  for (int i = 160; i < 416; i++) used += fp[i] != 0;
  say("%s: control %x, status %x, tags %x, mxcsr %x, bytes in XMM registers %u", what, control, status, fp[4], mxcsr, used);
}

int main(void) {
  unsigned char *area = shared_memory(4096), *after = area + 1024;
  images[0] = area;
  images[1] = area + 512;
  on_signal(SIGUSR1, entry_);
  on_signal(SIGUSR2, entry_);
  long self = getpid();
  spoil();
  __asm__ volatile("syscall; fxsave64 (%3)" ::"a"(SYS_kill), "D"(self), "S"((long)SIGUSR1), "r"(after) : "rcx", "r11", "memory");
  unsigned mxcsr = 0x1f80;
  __asm__ volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
  show_state("handler", images[0]);
  show_state("handler within it", images[1]);
  show_state("afterwards", after);
  return 0;
}
