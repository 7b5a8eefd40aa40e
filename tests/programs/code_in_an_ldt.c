/* Code in segments that modify_ldt(2) makes: of 32 and of 16 bits, at another base, with signals, faults and steps. */
// differs: later kernels may have been told to allow no segments of 16 bits
#include "trace.h"
#include <asm/ldt.h>
#include <ucontext.h>

extern char code32[], end32[], fault32[], fault32_end[], count16[], end16[];
__asm__(".text\n"
        "code32: .code32\n"
        "  movl $20, %eax\n  int $0x80\n  decl %ecx\n  movl %cs, %edx\n  call 1f\n1: popl %esi\n  lret\n"
        "end32:\n"
        "fault32:\n"
        "  nop\n  movl (%edi), %eax\n  nop\n  movl %cs, %edx\n  lret\n"
        "fault32_end:\n"
        "count16: .code16\n"
        "  movw $0x1234, %ax\n  decw %cx\n  jnz count16\n  movw %cs, %dx\n  call 1f\n1: popw %si\n  data32 lret\n"
        "end16: .code64\n");

static char *low, *stack;
static long modify(int func, void *ptr, unsigned long n) { return (int)syscall(SYS_modify_ldt, func, ptr, n); }
static unsigned segment(unsigned entry, unsigned base, unsigned limit, int contents, int wide, int absent, int unreadable) {
  struct user_desc d = {.entry_number = entry, .base_addr = base, .limit = limit, .seg_32bit = wide & 1, .contents = contents & 3, .limit_in_pages = limit > 0xffff, .seg_not_present = absent & 1, .read_exec_only = unreadable & 1, .useable = 1};
  if (limit > 0xffff) d.limit >>= 12;
  long r = modify(0x11, &d, sizeof d);
  if (r) say("modify_ldt: %s", errname((int)-r));
  return entry << 3 | 7;
}

struct registers { unsigned ax, cx, dx, si; };
/* Calls selector:offset on a stack in the lowest 4 GiB. */
static struct registers far_call(unsigned selector, unsigned offset, unsigned count, void *data) {
  struct { unsigned offset; unsigned short selector; } __attribute__((packed)) *to = (void *)(low + 32768);
  to->offset = offset, to->selector = (unsigned short)selector;
  struct registers r;
  register char *sp __asm__("r8") = stack;
  __asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, %%r12; mov %%r8, %%rsp; lcall *(%%rbx); mov %%r12, %%rsp; pop %%rbp; pop %%rbx"
                   : "=a"(r.ax), "=c"(r.cx), "=d"(r.dx), "=S"(r.si) : "b"(to), "c"(count), "D"(data), "r"(sp) : "r9", "r10", "r11", "r12", "memory", "cc");
  return r;
}

static volatile int skip;
static void on_fault(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  greg_t *g = u->uc_mcontext.gregs;
  say("  signal %d code %d address %lx, trap %lld error %llx, cs %llx ip %llx", sig, info->si_code, (long)info->si_addr & 0xfffff, g[REG_TRAPNO], g[REG_ERR], g[REG_CSGSFS] & 0xffff,
      (g[REG_CSGSFS] & 4) ? g[REG_RIP] : 0);
  if (skip) g[REG_RIP] += skip;
  else _exit(3);
}
static volatile int ticks;
static void on_usr(int sig) { (void)sig, ticks++; }

static void try(const char *what, unsigned selector, unsigned offset) {
  pid_t pid;
  CHILD(pid) {
    far_call(selector, offset, 1, low);
    say("  it runs"), _exit(0);
  }
  say("%s: %s", what, reap(pid));
}

static void describe(const char *what, unsigned selector) {
  unsigned access = 0, limit = 0;
  unsigned char r1, r2, r3, r4;
  __asm__ volatile("lar %2, %0; setz %1" : "+r"(access), "=q"(r1) : "r"(selector));
  __asm__ volatile("lsl %2, %0; setz %1" : "+r"(limit), "=q"(r2) : "r"(selector));
  __asm__ volatile("verr %w1; setz %0" : "=q"(r3) : "r"(selector));
  __asm__ volatile("verw %w1; setz %0" : "=q"(r4) : "r"(selector));
  say("%s: lar %d %x, lsl %d %x, verr %d, verw %d", what, r1, access & ~0x100u, r2, limit, r3, r4);
}

static void run(void) {
  unsigned at = (unsigned)(unsigned long)low;
  unsigned flat = segment(0, 0, 0xffffffff, 2, 1, 0, 0), based = segment(1, at, 0xffff, 2, 1, 0, 0), short_ = segment(2, at + 0x400, 0xffff, 2, 0, 0, 0);
  describe("flat", flat), describe("based", based), describe("16 bits", short_);
  struct registers r = far_call(flat, at, 10, low);
  say("flat: pid %d cx %u cs %x, ip %x", r.ax == (unsigned)getpid(), r.cx, r.dx & 0xffff, r.si - at);
  r = far_call(based, 0, 10, low);
  say("based: pid %d cx %u cs %x, ip %x", r.ax == (unsigned)getpid(), r.cx, r.dx & 0xffff, r.si);
  r = far_call(short_, 0, 300, low);
  say("16 bits: ax %x cx %x cs %x ip %x", r.ax & 0xffff, r.cx & 0xffff, r.dx & 0xffff, r.si & 0xffff);
  skip = 2;
  r = far_call(based, 0x200, 7, (void *)16);
  say("after a fault: cs %x", r.dx & 0xffff);
  skip = 0;
  /* Signals while it runs: what is interrupted goes on in its segment. */
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  must(setitimer(ITIMER_REAL, &often, NULL));
  int rounds = 0;
  while (ticks < 5 && rounds++ < 100000) r = far_call(short_, 0, 60000, low);
  must(setitimer(ITIMER_REAL, &never, NULL));
  say("interrupted %d times: ax %x cx %x cs %x ip %x", ticks >= 5, r.ax & 0xffff, r.cx & 0xffff, r.dx & 0xffff, r.si & 0xffff);
}

static void refused(void) {
  unsigned at = (unsigned)(unsigned long)low;
  segment(3, at, 0xffff, 2, 1, 1, 0), segment(4, at, 0xffff, 0, 1, 0, 0), segment(5, at, 0xff, 2, 1, 0, 0), segment(6, at, 0xffff, 2, 1, 0, 1);
  describe("absent", 3 << 3 | 7), describe("data", 4 << 3 | 7), describe("for execution only", 6 << 3 | 7);
  try("absent", 3 << 3 | 7, 0), try("data", 4 << 3 | 7, 0), try("beyond its limit", 5 << 3 | 7, 0x200), try("for execution only", 6 << 3 | 7, 0);
  try("null", 0, 0), try("null, with a level", 3, 0), try("empty", 7 << 3 | 7, 0), try("beyond the table", 1000 << 3 | 7, 0), try("beyond the GDT", 900 << 3 | 3, 0);
  try("the kernel's", 0x10, 0), try("data of the GDT", 0x2b, 0), try("the TSS", 0x40 | 3, 0), try("the LDT", 0x50 | 3, 0), try("an empty slot", 0x63, 0), try("level 0 of the LDT", 1 << 3 | 4, 0);
}

static void traced(void) {
  pid_t pid;
  unsigned based = 1 << 3 | 7;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    must(raise(SIGSTOP));
    far_call(based, 0x200, 1, low + 64);
    _exit(0);
  }
  next_stop("stopped", pid);
  long cs, ip;
  int steps = 0;
  do {
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0)), wait_for(pid);
    must(trace(PTRACE_PEEKUSER, pid, 136, (unsigned long)&cs));
  } while (cs != (long)based && steps++ < 100000);
  for (int i = 0; i < 4; i++) {
    must(trace(PTRACE_PEEKUSER, pid, 136, (unsigned long)&cs)), must(trace(PTRACE_PEEKUSER, pid, 128, (unsigned long)&ip));
    say("cs %lx ip %lx", cs, ip);
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0)), wait_for(pid);
  }
  show("cs", trace(PTRACE_POKEUSER, pid, 136, 0x33));
  must(trace(PTRACE_CONT, pid, 0, 0));
  next_stop("end", pid);
}

int main(void) {
  low = mmap(NULL, 131072, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  stack = low + 100000;
  memcpy(low, code32, end32 - code32), memcpy(low + 0x200, fault32, fault32_end - fault32), memcpy(low + 0x400, count16, end16 - count16);
  stack_t alt = {.ss_sp = low + 40000, .ss_size = 32768};
  must(sigaltstack(&alt, NULL));
  on_siginfo(SIGSEGV, on_fault, SA_ONSTACK), on_siginfo(SIGBUS, on_fault, SA_ONSTACK);
  struct sigaction sa = {.sa_handler = on_usr, .sa_flags = SA_ONSTACK | SA_RESTART};
  must(sigaction(SIGALRM, &sa, NULL));
  run(), refused(), traced();
  return 0;
}
