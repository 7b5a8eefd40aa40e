/* A 64-bit program goes to code of 32 bits and back by far jumps; what happens in between has 64-bit frames. */
// differs: some later kernels have no INT 0x80 for 64-bit programs
#include "check.h"
#include <ucontext.h>

extern char short_code[], short_end[];
/* In the lowest 4 GiB: 32-bit code that calls getpid, counts, faults if told to, and goes back. */
__asm__(".text\n"
        "short_code:\n"
        ".code32\n"
        "  movl $20, %eax\n"
        "  int $0x80\n"
        "  decl %ecx\n"          /* one byte that would be a prefix in 64-bit code */
        "  movl %eax, (%edi)\n"
        "  movl (%esi), %edx\n"
        "  decl %ecx\n"          /* also behind a handler */
        "  ljmp *8(%edi)\n"
        ".code64\n"
        "short_end:\n");

static void on_segv(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  say("code %d address %p, cs %llx, at an offset of %lld", info->si_code, info->si_addr,
      uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff, uc->uc_mcontext.gregs[REG_RIP] & 0xfff);
  uc->uc_mcontext.gregs[REG_RIP] += 2;
}

struct low { unsigned pid, pad, back; unsigned short cs; } __attribute__((packed));

static unsigned go(char *code, struct low *low, void *from, unsigned count) {
  struct { unsigned offset; unsigned short cs; } __attribute__((packed)) *there = (void *)(low + 1);
  there->offset = (unsigned)(unsigned long)code;
  there->cs = 0x23;
  low->cs = 0x33;
  /* The way back: a piece of 64-bit code that is low, too, returns. */
  char *back = code + 128;
  memcpy(back, "\xc3", 1);
  low->back = (unsigned)(unsigned long)back;
  unsigned left;
  register char *stack __asm__("r8") = (char *)low + 60000 / 16 * 16;
  __asm__ volatile("lea -256(%%rsp), %%rsp; push %%rbx; push %%rbp\n"
                   "lea 1f(%%rip), %%rax; push %%rax\n"
                   "mov %%rsp, %%r12; mov %%r8, %%rsp\n" /* a stack that 32-bit code can have */
                   "pushq (%%r12)\n"
                   "ljmp *(%%rdx)\n"
                   "1: mov %%r12, %%rsp; lea 8(%%rsp), %%rsp; pop %%rbp; pop %%rbx; lea 256(%%rsp), %%rsp\n"
                   : "=c"(left), "+d"(there)
                   : "c"(count), "D"(low), "S"(from), "r"(stack)
                   : "rax", "r9", "r10", "r11", "r12", "memory");
  return left;
}

int main(void) {
  char *code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  must(code == MAP_FAILED ? -1 : 0);
  struct low *low = (struct low *)(code + 4096);
  memcpy(code, short_code, short_end - short_code);
  struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
  must(sigaction(SIGSEGV, &sa, NULL));
  unsigned left = go(code, low, low, 10);
  say("left %u, getpid is right %d", left, low->pid == (unsigned)getpid());
  left = go(code, low, (void *)16, 10);
  say("left %u after a fault", left);
  return 0;
}
