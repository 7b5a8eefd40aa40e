/* The code and stack segments of a 32-bit program as its tracer sees and sets them: 64-bit code, segments of its own. */
// needs: i386
// differs: later kernels answer absent code by SIGBUS
// a real 3.2.4: its CPU, qemu's, leaves 3 in fs and gs
#include "trace.h"
#include <asm/ldt.h>
#include <sys/user.h>
#include <ucontext.h>

extern char loop[], both[], long_way[], there[];
__asm__(".text\n"
        "loop: jmp loop\n"
        /* dec %eax and nop in code of 32 bits, one nop in that of 64 */
        "both: .byte 0x48, 0x90, 0x48, 0x90\n int3\n"
        "there: .code64\n  movl $39, %eax\n  syscall\n  movq %rax, %rbx\n  movl $20, %eax\n  int $0x80\n  int3\n .code32\n");

static unsigned segment(unsigned entry, int contents, int absent, int unreadable) {
  struct user_desc d = {.entry_number = entry, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .contents = (unsigned)contents & 3, .seg_not_present = absent & 1, .read_exec_only = unreadable & 1, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  return entry << 3 | 7;
}
static struct user_regs_struct get(pid_t pid) {
  struct user_regs_struct r;
  must(trace(PTRACE_GETREGS, pid, 0, (unsigned long)&r));
  return r;
}
static int has_table = 1;
static pid_t begin(void) {
  pid_t pid;
  CHILD(pid) {
    if (has_table)
    segment(0, 2, 0, 0), segment(1, 0, 0, 0), segment(2, 0, 0, 1), segment(3, 2, 1, 0), segment(4, 0, 1, 0), segment(6, 2, 0, 1);
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    raise(SIGSTOP);
    __asm__ volatile("jmp loop");
  }
  pass_stop(pid, SIGSTOP);
  return pid;
}
static void set(const char *what, unsigned offset, unsigned value, char *ip) {
  pid_t pid = begin();
  trace(PTRACE_POKEUSER, pid, 4 * 12, (unsigned long)ip);
  trace(PTRACE_POKEUSER, pid, 4 * 6, 100), trace(PTRACE_POKEUSER, pid, 0, 0);
  long r = trace(PTRACE_POKEUSER, pid, offset, value);
  struct user_regs_struct g = get(pid);
  say("%s: %s, cs %lx ss %lx", what, r ? errname(errno) : "ok", g.xcs, g.xss);
  must(trace(PTRACE_CONT, pid, 0, 0));
  int s = next_stop("  then", pid);
  if (WIFSTOPPED(s)) {
    siginfo_t info;
    must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
    g = get(pid);
    say("  code %d, eax %ld%s, cs %lx ss %lx, ip %ld, orig %ld", info.si_code, g.eax == pid ? 1 : g.eax, g.ebx == pid ? ", a call of 64 bits" : "", g.xcs, g.xss, g.eip - (long)ip, g.orig_eax);
    say("  address %s", !info.si_addr ? "0" : (long)info.si_addr == g.eip ? "ip" : "other");
    kill(pid, SIGKILL), wait_for(pid);
  }
}
/* Segments of data: ds, es, fs and gs alike. */
static void data(const char *what, unsigned value) {
  static const unsigned offsets[] = {7, 8, 9, 10};
  long after[4];
  for (int i = 0; i < 4; i++) {
    pid_t pid = begin();
    long r = trace(PTRACE_POKEUSER, pid, 4 * offsets[i], value);
    must(trace(PTRACE_POKEUSER, pid, 4 * 12, (unsigned long)both));
    must(trace(PTRACE_CONT, pid, 0, 0));
    wait_for(pid);
    must(trace(PTRACE_PEEKUSER, pid, 4 * offsets[i], (unsigned long)&after[i]));
    if (r) after[i] = -errno;
    kill(pid, SIGKILL), wait_for(pid);
  }
  say("%s in ds, es, fs and gs: %lx %lx %lx %lx", what, after[0], after[1], after[2], after[3]);
}
static unsigned char *memory;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *uc = context;
  unsigned ss;
  __asm__ volatile("mov %%ss, %0" : "=r"(ss));
  say("  signal %d: ss %x, before %x, esp %x", sig, ss, uc->uc_mcontext.gregs[REG_SS], uc->uc_mcontext.gregs[REG_ESP] & 0xffff);
}
static void own_stack(const char *what, int wide, int call) {
  pid_t pid;
  CHILD(pid) {
    memory = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct user_desc d = {.entry_number = 5, .base_addr = (unsigned)memory, .limit = 0xffff, .seg_32bit = wide & 1, .useable = 1};
    must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
    on_siginfo(SIGUSR1, handler, SA_ONSTACK), on_siginfo(SIGILL, handler, SA_ONSTACK);
    static unsigned ss, sp, top;
    top = wide ? 0x8000 : 0xabcd8000; /* of which only half counts */
    __asm__ volatile("mov %%esp, %%esi; mov %%ss, %%edi; mov %%edx, %%ss; mov %2, %%esp; push $0x1234\n"
                     "test %%ecx, %%ecx; jz 1f; int $0x80; 1: push $0x5678; mov %%ss, %0; mov %%esp, %1; mov %%edi, %%ss; mov %%esi, %%esp"
                     : "=m"(ss), "=m"(sp) : "m"(top), "a"(SYS_kill), "b"(getpid()), "d"(0x2f), "c"(call ? SIGUSR1 : 0) : "esi", "edi", "memory");
    say("%s: ss %x, esp %x, pushed %x %x", what, ss, sp & 0xffff, *(unsigned *)(memory + 0x7ffc), *(unsigned *)(memory + 0x7ff8));
    _exit(0);
  }
  reap(pid);
}
int main(void) {
  static char stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  must(sigaltstack(&alternate, 0));
  own_stack("a stack of its own", 1, 0), own_stack("with a signal", 1, 1), own_stack("of 16 bits", 0, 1);
  const unsigned CS = 4 * 13, SS = 4 * 16;
  set("as it is", CS, 0x23, both);
  set("code of 64 bits", CS, 0x33, both);
  set("calls of 64 bits", CS, 0x33, there);
  set("with more bits", CS, 0x10033, both);
  set("code of its own", CS, 7, both);
  set("data", CS, 0xf, both);
  set("absent code", CS, 0x1f, both);
  set("data of the GDT", CS, 0x2b, both);
  set("beyond the table", CS, 0xfff7, both);
  set("an empty slot", CS, 0x63, both);
  has_table = 0, set("without a table", CS, 7, both), has_table = 1;
  set("level 0", CS, 0x20, both);
  set("0", CS, 0, both);
  set("3", CS, 3, both);
  set("ss as it is", SS, 0x2b, both);
  set("ss of its own", SS, 0xf, both);
  set("ss for reading", SS, 0x17, both);
  set("ss for code", SS, 7, both);
  set("ss absent", SS, 0x27, both);
  set("ss for absent code", SS, 0x1f, both);
  set("ss of 3", SS, 3, both);
  set("ss of 0", SS, 0, both);
  set("ss of level 0", SS, 0x28, both);
  set("ss of the code", SS, 0x23, both);
  set("ss beyond the table", SS, 0xfff7, both);
  data("data", 0xf), data("data for reading", 0x17), data("absent data", 0x27), data("code", 7), data("code that cannot be read", 0x37), data("beyond the table", 0xfff7);
  data("3", 3), data("0", 0), data("data of the GDT", 0x2b), data("code of the GDT", 0x23), data("code of 64 bits", 0x33), data("the number of the CPU", 0x7b), data("an empty slot", 0x63), data("the kernel's", 0x1b);
  return 0;
}
