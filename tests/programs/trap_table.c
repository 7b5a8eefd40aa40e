/* What each kind of fault tells: number, error code, address in the frame; what stays of it for later signals, over
 * a fork and an exec; faults whose signal is blocked or ignored.
 */
// differs: later kernels show cr2 and errors of kernel addresses otherwise
#include "check.h"
#include <ucontext.h>

static char *page, *fixed, *file;
static void tell(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  greg_t *g = u->uc_mcontext.gregs;
  uintptr_t a = (uintptr_t)info->si_addr;
  char where[32];
  if (a >= (uintptr_t)page && a < (uintptr_t)page + 3 * 4096) snprintf(where, sizeof where, "page+%x", (unsigned)(a - (uintptr_t)page));
  else if (a == (uintptr_t)g[REG_RIP]) snprintf(where, sizeof where, "rip");
  else if (file && a >= (uintptr_t)file && a < (uintptr_t)file + 8192) snprintf(where, sizeof where, "file+%x", (unsigned)(a - (uintptr_t)file));
  else if (a && a < 0x7ffffffff000 && labs((long)(a - (uintptr_t)g[REG_RSP])) < 1 << 20) snprintf(where, sizeof where, "sp%+ld", (long)(a - (uintptr_t)g[REG_RSP]));
  else snprintf(where, sizeof where, "%lx", a);
  say("  signal %d code %d at %s; trap %lld error %llx cr2 %d", sig, info->si_code, where, g[REG_TRAPNO], g[REG_ERR], g[REG_CR2] == (greg_t)a);
  _exit(sig);
}
static void later(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)info;
  say("  signal %d: trap %lld error %llx, cr2 in the page %d", sig, u->uc_mcontext.gregs[REG_TRAPNO], u->uc_mcontext.gregs[REG_ERR], page && (unsigned long)u->uc_mcontext.gregs[REG_CR2] - (unsigned long)page < 4096);
}
static void skip(int sig, siginfo_t *info, void *context) {
  later(sig, info, context);
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

#define ROW(what, ...) do { pid_t pid; say(what); CHILD(pid) { __VA_ARGS__; say("  nothing"); _exit(0); } wait_for(pid); } while (0)
#define ENDS(what, ...) do { pid_t pid; CHILD(pid) { __VA_ARGS__; _exit(0); } say(what ": %s", reap(pid)); } while (0)

static void memory(void) {
  int fd = (int)must(open("/tmp/trap_table", O_RDWR | O_CREAT | O_TRUNC, 0600));
  must(ftruncate(fd, 100));
  file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  must(mprotect(page + 4096, 4096, PROT_READ)), must(munmap(page + 8192, 4096));
  volatile char *kernel = (char *)0xffff800000000000, *top = (char *)0x7ffffffff000;
  ROW("read of nothing", (void)*(volatile char *)(page + 8200)); ROW("write of nothing", *(volatile char *)(page + 8200) = 1);
  ROW("write of what can be read", *(volatile char *)(page + 4100) = 1); ROW("jump to what can be read", ((void (*)(void))(page + 4100))());
  ROW("jump to nothing", ((void (*)(void))(page + 8200))()); ROW("read none", mprotect(page, 4096, PROT_NONE); (void)*(volatile char *)page);
  ROW("read of the kernel", (void)*kernel); ROW("write to the kernel", *kernel = 1); ROW("jump to the kernel", ((void (*)(void))kernel)());
  ROW("read of the first address of none", (void)*top); ROW("write", *top = 1);
  ROW("not canonical", (void)*(volatile char *)0x800000000000); ROW("write", *(volatile char *)0x8000000000000000 = 1); ROW("by the stack pointer", __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(0x8000000000000000)));
  ROW("by the frame pointer", __asm__ volatile("mov %0, %%rbp; mov (%%rbp), %%eax" : : "r"(0x8000000000000000) : "rax")); ROW("jump, not canonical", ((void (*)(void))0x800000000000)());
  ROW("behind the end of a file", file[4096] = 1); ROW("read there", (void)*(volatile char *)(file + 5000));
  ROW("far below the stack pointer", __asm__ volatile("movb $1, -400000(%rsp)")); ROW("65536 + 256 below", __asm__ volatile("movb $1, -65792(%rsp)")); ROW("one more", __asm__ volatile("sub $200000, %rsp; movb $1, -65793(%rsp)"));
  ROW("no more stack", { struct rlimit r = {8192, 8192}; setrlimit(RLIMIT_STACK, &r); sigaltstack(&(stack_t){.ss_sp = fixed, .ss_size = 16384}, NULL); __asm__ volatile("sub $2000000, %rsp; movb $1, (%rsp)"); });
}

static void fpu(unsigned cwd, double a, double b) {
  unsigned short control = (unsigned short)cwd;
  __asm__ volatile("fldcw %0; fldl %1; fldl %2; fdivrp; fwait" : : "m"(control), "m"(a), "m"(b));
}

static void others(char *self) {
  ROW("x87: 1 / 0", fpu(0x37b, 1, 0)); ROW("x87: masked", fpu(0x37f, 0, 1));
  ROW("division", __asm__ volatile("xor %%ecx, %%ecx; div %%ecx" : : : "rax", "rcx", "rdx")); ROW("int3", __asm__ volatile("int3")); ROW("int $3", __asm__ volatile(".byte 0xcd, 3")); ROW("int $4", __asm__ volatile("int $4"));
  ROW("ud2", __asm__ volatile("ud2")); ROW("hlt", __asm__ volatile("hlt"));
  ROW("a bad selector", __asm__ volatile("mov %0, %%ds" : : "r"(0x1234))); ROW("in", __asm__ volatile("inb $0x60, %%al" : : : "rax")); ROW("cli", __asm__ volatile("cli"));
  ROW("lret to nowhere", __asm__ volatile("push $0x1234; push $0; lretq")); ROW("iret to nowhere", __asm__ volatile("push $0; push $0; push $0; push $0x1234; push $0; iretq"));
  /* What is left of a fault for later signals: the last one's, whatever came in between. */
  on_siginfo(SIGUSR1, later, 0), on_siginfo(SIGILL, skip, 0);
  say("later signals");
  must(raise(SIGUSR1));
  __asm__ volatile("ud2");
  must(raise(SIGUSR1));
  pid_t pid;
  CHILD(pid) must(raise(SIGUSR1)), _exit(0);
  reap(pid);
  CHILD(pid) must(execl(self, "trap_table", "again", NULL));
  reap(pid);
  on_siginfo(SIGSEGV, skip, 0);
  __asm__ volatile("movb %%al, (%%rcx)" : : "c"(page + 2), "a"(0));
  must(mprotect(page, 4096, PROT_READ));
  __asm__ volatile("movb %%al, (%%rcx)" : : "c"(page + 2), "a"(0));
  must(raise(SIGUSR1));
  __asm__ volatile("ud2");
  must(raise(SIGUSR1));
}

static void forced(void) {
  sigset_t set;
  sigfillset(&set);
  ENDS("blocked", sigprocmask(SIG_BLOCK, &set, NULL); *(volatile char *)(page + 8200) = 1); ENDS("ignored", signal(SIGSEGV, SIG_IGN); *(volatile char *)(page + 8200) = 1);
  ENDS("ignored: division", signal(SIGFPE, SIG_IGN); __asm__ volatile("xor %%ecx, %%ecx; div %%ecx" : : : "rax", "rcx", "rdx")); ENDS("blocked: int3", sigprocmask(SIG_BLOCK, &set, NULL); signal(SIGTRAP, (void *)tell); __asm__ volatile("int3"));
  ENDS("a handler without a stack", signal(SIGSEGV, (void *)tell); __asm__ volatile("xor %esp, %esp; push %rax")); ENDS("sent: blocked", sigprocmask(SIG_BLOCK, &set, NULL); raise(SIGSEGV)); ENDS("sent: ignored", signal(SIGSEGV, SIG_IGN); raise(SIGSEGV));
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return on_siginfo(SIGUSR1, later, 0), raise(SIGUSR1);
  page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fixed = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t alt = {.ss_sp = fixed, .ss_size = 65536};
  must(sigaltstack(&alt, NULL));
  int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (int i = 0; i < 5; i++) on_siginfo(sigs[i], tell, SA_ONSTACK);
  memory(), others("/proc/self/exe"), forced();
  return 0;
}
