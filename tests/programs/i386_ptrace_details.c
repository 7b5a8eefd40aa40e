/* More of what a 32-bit tracer asks of a 32-bit program: sets that are written, words that are refused, slots of the
 * GDT, restarts, registers of 64 bits, and a tracer that ends.
 */
// needs: i386
// differs: later kernels know more sets of registers, and other bits of debug registers
#include "trace.h"
#include <asm/ldt.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>

extern char spins[], wide[], narrow[];
__asm__(".text\nspins: jmp spins\n"
        "narrow: .byte 0x48, 0x90\n int3\n"
        "wide: .code64\n  movabsq $0x123456789abcdef0, %rax\n movq %rax, %rsi\n int3\n movabsq $0x512345678, %rax\n jmp *%rax\n .code32\n");

static long peek(pid_t pid, unsigned long offset) {
  long value = 0x55555555;
  long r = trace(PTRACE_PEEKUSER, pid, offset, (unsigned long)&value);
  return r ? r : value;
}
static long poke(pid_t pid, unsigned offset, unsigned long value) { return trace(PTRACE_POKEUSER, pid, offset, value); }
static pid_t begin(void) {
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    raise(SIGSTOP);
    __asm__ volatile("jmp spins");
  }
  pass_stop(pid, SIGSTOP);
  return pid;
}
static void end(pid_t pid) { kill(pid, SIGKILL), wait_for(pid); }

static void words(void) {
  pid_t pid = begin();
  static const char *const names[] = {"ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "orig_eax", "eip", "cs", "eflags", "esp", "ss"};
  for (unsigned i = 0; i < 17; i++) {
    long r = poke(pid, 4 * i, i >= 7 && i != 11 && i != 12 && i != 14 && i != 15 ? 0x1002b : 0xfff00000 + i);
    say("%s: %s, then %lx", names[i], r ? errname(errno) : "ok", i == 14 ? peek(pid, 4 * i) & ~2 : peek(pid, 4 * i));
  }
  for (unsigned i = 68; i < 300; i += 4)
    if (poke(pid, i, 0)) say("%u cannot be set: %s", i, errname(errno)), i += i < 200 ? 180 : 0;
  show("at 253", poke(pid, 253, 0)), show("far away", poke(pid, 0x7ffffffc, 0)), show("read far away", peek(pid, 0x7ffffffc));
  for (unsigned i = 0; i < 8; i++) {
    long r = poke(pid, 252 + 4 * i, i == 7 ? 0x101 : 0x1000 + i);
    say("debug register %u: %s, then %lx", i, r ? errname(errno) : "ok", peek(pid, 252 + 4 * i));
  }
  end(pid);
}

static void sets(void) {
  pid_t pid = begin();
  struct user_regs_struct regs;
  must(trace(PTRACE_GETREGS, pid, 0, (unsigned long)&regs));
  regs.ebx = 0x77, regs.xgs = 8;
  show("SETREGS with a bad selector", trace(PTRACE_SETREGS, pid, 0, (unsigned long)&regs));
  say("ebx %lx, esp is as it was %d", peek(pid, 0), peek(pid, 60) == regs.esp);
  regs.xgs = 0, regs.ebx = 0x78;
  show("SETREGS", trace(PTRACE_SETREGS, pid, 0, (unsigned long)&regs)), say("ebx %lx", peek(pid, 0));
  static const long requests[] = {PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, 18, 19};
  for (int i = 0; i < 6; i++) {
    char what[60];
    snprintf(what, sizeof what, "request %ld, nothing there", requests[i]), show(what, trace(requests[i], pid, 0, 16));
    snprintf(what, sizeof what, "request %ld, the kernel's", requests[i]), show(what, trace(requests[i], pid, 0, 0xfffffff0));
  }
  struct user_fpregs_struct fp;
  must(trace(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp));
  fp.cwd = 0xffff027f, fp.twd = 0xffff3fff, fp.st_space[0] = 5;
  show("SETFPREGS", trace(PTRACE_SETFPREGS, pid, 0, (unsigned long)&fp)), must(trace(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp));
  say("control %lx tags %lx st %lx", fp.cwd, fp.twd, fp.st_space[0]);
  struct user_fpxregs_struct fpx;
  must(trace(18, pid, 0, (unsigned long)&fpx));
  fpx.mxcsr = 0x1f00 | 1 << 20, fpx.cwd = 0x37f, fpx.xmm_space[4] = 9;
  show("SETFPXREGS", trace(19, pid, 0, (unsigned long)&fpx)), must(trace(18, pid, 0, (unsigned long)&fpx));
  say("control %x mxcsr %lx xmm1 %lx", fpx.cwd, fpx.mxcsr, fpx.xmm_space[4]);
  static const unsigned types[] = {1, 2, 0x46e62b7f, 0x200, 0x201, 0x202, 3, 0};
  char room[1024];
  for (int i = 0; i < 8; i++) {
    struct iovec iov = {room, sizeof room};
    long r = trace(PTRACE_GETREGSET, pid, types[i], (unsigned long)&iov);
    say("set %x: %s, %zu", types[i], r ? errname(errno) : "ok", iov.iov_len);
    if (r) continue;
    memset(room + 12, 0, 4), iov.iov_len = 16;
    r = trace(PTRACE_SETREGSET, pid, types[i], (unsigned long)&iov);
    say("  16 bytes of it: %s, %zu", r ? errname(errno) : "ok", iov.iov_len);
    iov.iov_base = (void *)16;
    show("  from nowhere", trace(PTRACE_SETREGSET, pid, types[i], (unsigned long)&iov));
  }
  end(pid);
}

static void slots(void) {
  pid_t pid = begin();
  struct user_desc d = {.entry_number = 99, .base_addr = 0x5000, .limit = 0xfff, .seg_32bit = 1, .useable = 1};
  show("a slot", trace(26, pid, 13, (unsigned long)&d)), show("one too many", trace(26, pid, 15, (unsigned long)&d)), show("to read", trace(25, pid, 15, (unsigned long)&d));
  memset(&d, 0, sizeof d);
  show("read", trace(25, pid, 13, (unsigned long)&d)), say("entry %u base %lx limit %x", d.entry_number, d.base_addr, d.limit);
  show("gs", poke(pid, 40, 0x6b)), show("ARCH_PRCTL", trace(30, pid, 0, 0x1002));
  must(poke(pid, 48, (unsigned long)narrow)), must(trace(PTRACE_CONT, pid, 0, 0)), wait_for(pid);
  say("gs %lx, eax counts %d", peek(pid, 40), peek(pid, 24) != 0);
  end(pid);
}

static void wide_registers(void) {
  pid_t pid = begin();
  must(poke(pid, 52, 0x33)), must(poke(pid, 48, (unsigned long)wide)), must(trace(PTRACE_CONT, pid, 0, 0)), wait_for(pid);
  say("eax %lx esi %lx cs %lx", peek(pid, 24), peek(pid, 12), peek(pid, 52));
  unsigned long r[17];
  must(trace(PTRACE_GETREGS, pid, 0, (unsigned long)r)), say("in the set: %lx %lx", r[6], r[3]);
  must(trace(PTRACE_CONT, pid, 0, 0)), wait_for(pid);
  must(trace(PTRACE_GETREGS, pid, 0, (unsigned long)r)), say("gone far: ip %lx", r[12]);
  end(pid);
}

static void on_trap(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)info;
  say("signal %d in cs %x, eax %d", sig, u->uc_mcontext.gregs[REG_CS], u->uc_mcontext.gregs[REG_EAX]);
  _exit(0);
}
static void tracer_ends(const char *what, unsigned cs) {
  static char stack[65536];
  pid_t pid, tracer;
  CHILD(pid) {
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    must(sigaltstack(&alternate, NULL));
    on_siginfo(SIGTRAP, on_trap, SA_ONSTACK), on_siginfo(SIGSEGV, on_trap, SA_ONSTACK);
    __asm__ volatile("jmp spins");
  }
  sleep_ms(2);
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0)), pass_stop(pid, SIGSTOP);
    must(poke(pid, 52, cs)), must(poke(pid, 48, (unsigned long)narrow)), must(poke(pid, 24, 100));
    _exit(0);
  }
  reap(tracer);
  say("%s: %s", what, reap(pid));
}

static void restarts(int cancelled) {
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    raise(SIGSTOP);
    long t[2] = {0, 20000000}; /* as nanosleep(2) has it */
    long r = syscall(162, t, NULL);
    _exit(r ? 1 : 7);
  }
  pass_stop(pid, SIGSTOP);
  for (int shown = 0;;) {
    must(trace(PTRACE_SYSCALL, pid, 0, 0));
    if (shown == 1) sleep_ms(2), kill(pid, SIGWINCH);
    int status = wait_trace(pid);
    if (!WIFSTOPPED(status)) { say("end: %s", trace_str(status)); return; }
    long nr = peek(pid, 44), result = peek(pid, 24);
    if (shown || nr == 162) say("%s: orig_eax %ld, eax %ld", trace_str(status), nr, result), shown++;
    if (cancelled && result == -516) must(poke(pid, 44, -1ul));
  }
}

int main(void) {
  words(), sets(), slots(), wide_registers();
  tracer_ends("64 bits", 0x33), tracer_ends("32 bits", 0x23), tracer_ends("none", 0x63);
  restarts(0), restarts(1);
  return 0;
}
