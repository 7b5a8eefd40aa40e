/* Segment registers, lar, lsl, verr and verw with what is in the GDT and in a table of modify_ldt(2). */
// differs: 3.2 returns modify_ldt's errors as positive numbers, as later kernels do, and keeps the table in exec
#include "check.h"
#include <asm/ldt.h>
#include <ucontext.h>

static volatile int sig_, trap_, err_;
static void on_fault(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)info;
  sig_ = sig, trap_ = (int)u->uc_mcontext.gregs[REG_TRAPNO], err_ = (int)u->uc_mcontext.gregs[REG_ERR];
  u->uc_mcontext.gregs[REG_RIP] = (greg_t)u->uc_mcontext.gregs[REG_R15];
}
#define LOAD(segment, selector) \
  (sig_ = 0, ({ __asm__ volatile("lea 1f(%%rip), %%r15; mov %0, %%" #segment "; 1:" : : "r"((unsigned)(selector)) : "r15", "memory"); }), \
   sig_ ? (snprintf(text, sizeof text, "signal %d, trap %d, error %x", sig_, trap_, err_), text) : "ok")
static char text[80];
#define GET(segment) ({ unsigned s_; __asm__ volatile("mov %%" #segment ", %0" : "=r"(s_)); s_; })

static unsigned *low;
static long modify(int func, void *ptr, unsigned long n) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(154l), "D"((long)func), "S"(ptr), "d"(n) : "rcx", "r11", "memory");
  return r;
}
static struct user_desc desc(unsigned entry, unsigned long base, unsigned limit) {
  struct user_desc d = { .entry_number = entry, .base_addr = (unsigned)base, .limit = limit, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };
  return d;
}
static void describe(const char *what, unsigned selector) {
  unsigned access = 0, limit = 0;
  unsigned char r1, r2, r3, r4;
  __asm__ volatile("lar %2, %0; setz %1" : "+r"(access), "=q"(r1) : "r"(selector));
  __asm__ volatile("lsl %2, %0; setz %1" : "+r"(limit), "=q"(r2) : "r"(selector));
  __asm__ volatile("verr %w1; setz %0" : "=q"(r3) : "r"(selector));
  __asm__ volatile("verw %w1; setz %0" : "=q"(r4) : "r"(selector));
  if (r1) access &= ~0x100u; /* whether it has been used */
  say("%s: lar %d %x, lsl %d %x, verr %d, verw %d", what, r1, access, r2, limit, r3, r4);
}

static void ldt(void) {
  char buffer[8192];
  memset(buffer, 1, sizeof buffer);
  struct user_desc d = desc(1, (unsigned long)low, 0xfffff);
  say("read of none: %ld", modify(0, buffer, 8192));
  long n = modify(2, buffer, 300);
  say("default: %ld %d %d", n, buffer[127], buffer[128]);
  say("no such function: %lx", modify(3, buffer, 16));
  say("a bad size: %lx", modify(1, &d, 15));
  say("a bad pointer: %lx", modify(1, (void *)8, 16));
  d.entry_number = 8192;
  say("a bad entry: %lx", modify(0x11, &d, 16));
  d.entry_number = 1, d.contents = 3;
  n = modify(1, &d, 16);
  say("conforming: %lx %lx", n, modify(0x11, &d, 16));
  d.seg_not_present = 1;
  n = modify(1, &d, 16);
  say("conforming and absent: %lx %lx", n, modify(0x11, &d, 16));
  d = desc(1, (unsigned long)low, 0xfffff);
  say("write: %ld", modify(0x11, &d, 16));
  say("read: %ld", modify(0, buffer, 8192));
  unsigned long *words = (unsigned long *)buffer;
  say("entry 0 %lx, base %d, the rest %lx, behind it %d", words[0], ((words[1] >> 16 & 0xffffff) | (words[1] >> 56) << 24) == (unsigned long)low,
      words[1] & 0x00fffe000000ffff, buffer[8191]);
  say("part of it: %ld", modify(0, buffer, 9));
  say("gs: %s", LOAD(gs, 0xf));
  low[1] = 0x1234;
  unsigned v;
  __asm__ volatile("mov %%gs:4, %0" : "=r"(v));
  say("through it: %x, selector %x", v, GET(gs));
  describe("entry 1", 0xf);
  say("the next: %s", LOAD(gs, 0x17));
  say("far beyond: %s", LOAD(gs, 0xfff7));
  d = desc(2, 0x1000, 0x1234);
  d.limit_in_pages = 0, d.read_exec_only = 1;
  say("write: %ld", modify(1, &d, 16));
  describe("entry 2", 0x17);
  d = desc(3, 0x1000, 0x1234);
  d.seg_not_present = 1;
  say("write: %ld", modify(0x11, &d, 16));
  describe("entry 3", 0x1f);
  say("an absent one: %s", LOAD(gs, 0x1f));
  say("in ss: %s", LOAD(ss, 0x1f));
  say("the right one in ss: %s", LOAD(ss, 0x2b));
  d = desc(2, 0, 0);
  say("clear: %ld", modify(1, &d, 16));
  describe("entry 2", 0x17);
  pid_t pid;
  CHILD(pid) {
    say("a child: %ld", modify(0, buffer, 8192));
    say("gs: %s", LOAD(gs, 0xf));
    must(execl("/proc/self/exe", "segments", "exec", NULL));
  }
  reap(pid);
}

int main(int argc, char **argv) {
  stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
  must(sigaltstack(&stack, NULL));
  on_siginfo(SIGSEGV, on_fault, SA_ONSTACK);
  on_siginfo(SIGBUS, on_fault, SA_ONSTACK);
  (void)argv;
  if (argc > 1) {
    char buffer[8192];
    say("after exec: %ld", modify(0, buffer, sizeof buffer));
    describe("entry 1", 0xf);
    return 0;
  }
  low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  say("-- the GDT");
  say("cs %x ss %x ds %x es %x gs %x", GET(cs), GET(ss), GET(ds), GET(es), GET(gs));
  say("ds: %s", LOAD(ds, 0x2b));
  say("now %x", GET(ds));
  say("es: %s", LOAD(es, 0x2b));
  say("null: %s", LOAD(ds, 0));
  say("null: %s", LOAD(es, 3));
  say("the kernel's: %s", LOAD(ds, 0x18));
  say("an empty slot: %s", LOAD(gs, 0x73));
  say("beyond the end: %s", LOAD(gs, 0xabcf));
  describe("data", 0x2b);
  describe("code", 0x33);
  describe("the kernel's", 0x18);
  describe("empty", 0x6b);
  describe("the CPU's", 0x7b);
  say("-- slots by arch_prctl");
  must(syscall(SYS_arch_prctl, 0x1001, low));
  say("gs %x", GET(gs));
  low[0] = 77;
  unsigned v;
  __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
  say("through it: %u", v);
  say("gs: %s", LOAD(gs, 0));
  say("gs: %s", LOAD(gs, 0x6b));
  __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
  say("through it: %u", v);
  describe("slot 13", 0x6b);
  pid_t pid;
  CHILD(pid) {
    __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
    say("a child: %x, %u", GET(gs), v);
    return 0;
  }
  reap(pid);
  sched_yield();
  say("gs is still %x", GET(gs));
  say("-- a table of its own");
  ldt();
}
