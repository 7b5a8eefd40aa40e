/* The page of three system calls at a fixed address: what is in it, reading it, calling it. */
// differs: 3.2's default has real instructions there (vsyscall=native); later it can only be executed, or not at all
#include "ptrace.h"
#include <ucontext.h>

static volatile int sig_, code_, err_;
static volatile long addr_;
static void on_fault(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  sig_ = sig, code_ = info->si_code, err_ = (int)u->uc_mcontext.gregs[REG_ERR];
  addr_ = (long)info->si_addr;
  u->uc_mcontext.gregs[REG_RIP] = (greg_t)u->uc_mcontext.gregs[REG_R15];
  u->uc_mcontext.gregs[REG_RSP] = (greg_t)u->uc_mcontext.gregs[REG_R14];
}
#define PAGE 0xffffffffff600000ul
static long call(unsigned long address, long a, long b) {
  long r = 0;
  sig_ = 0;
  __asm__ volatile("mov %%rsp, %%r14; lea 1f(%%rip), %%r15; call *%1; 1:"
                   : "+a"(r) : "r"(address), "D"(a), "S"(b), "d"(0l) : "rcx", "r11", "r14", "r15", "memory");
  return r;
}
static void show_call(const char *what, unsigned long address, long a) {
  long r = call(address, a, 0);
  if (sig_) say("%s: signal %d, code %d, address %lx, error %x", what, sig_, code_, sig_ == SIGTRAP ? 0 : addr_, sig_ == SIGTRAP ? 0 : err_);
  else say("%s: %ld", what, r);
}
static void in_tracee(void) {
  call(PAGE + 0x400, 0, 0);
  _exit(0);
}

int main(void) {
  on_siginfo(SIGSEGV, on_fault, 0);
  on_siginfo(SIGTRAP, on_fault, 0);
  const unsigned char *page = (const unsigned char *)PAGE;
  for (int i = 0; i < 4; i++)
    say("%d: %016lx %04x %02x", i, *(const unsigned long *)(page + 1024 * i), *(const unsigned short *)(page + 1024 * i + 8), page[1024 * i + 1023]);
  struct timeval tv, now;
  gettimeofday(&now, NULL);
  long r = call(PAGE, (long)&tv, 0);
  say("gettimeofday: %ld %d", r, labs(tv.tv_sec - now.tv_sec) < 2);
  say("time: %d", labs(call(PAGE + 0x400, 0, 0) - now.tv_sec) < 2);
  unsigned cpu = 99, node = 99;
  r = call(PAGE + 0x800, (long)&cpu, (long)&node);
  say("getcpu: %ld %u %u", r, cpu, node);
  show_call("a bad pointer", PAGE + 0x400, 8);
  show_call("the empty slot", PAGE + 0xc00, 0);
  show_call("filler", PAGE + 0x3ff, 0);
  show_call("behind the page", PAGE + 0x1000, 0);
  show_call("before the page", PAGE - 1, 0);
  sig_ = 0;
  __asm__ volatile("lea 1f(%%rip), %%r15; mov %%rsp, %%r14; movb $1, (%0); 1:" : : "r"(page) : "r14", "r15", "memory");
  say("a store: signal %d, code %d, address %lx, error %x", sig_, code_, addr_, err_);
  int fd = must(open("/dev/null", O_WRONLY));
  int p[2];
  must(pipe(p));
  show("write(2) from it", write(p[1], page, 4));
  close(fd);
  pid_t pid = start_tracee(in_tracee);
  errno = 0;
  say("a tracer peeks: %lx %s", ptrace(PTRACE_PEEKTEXT, pid, page + 4, 0), errname(errno));
  show("and pokes", ptrace(PTRACE_POKETEXT, pid, page, 0));
  char path[40];
  unsigned long word = 0;
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  fd = must(open(path, O_RDWR));
  show("from /proc", pread(fd, &word, 8, (off_t)(PAGE + 0x800)));
  say("%lx", word);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  resume(pid, PTRACE_SYSCALL, 0);
  say("a call that can be traced: %lu at %lx", regs_of(pid).orig_rax == SYS_time, (unsigned long)regs_of(pid).rip - PAGE);
  end_tracee(pid);
}
