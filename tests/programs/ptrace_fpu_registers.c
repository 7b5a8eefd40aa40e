/* The FPU of a tracee, and sets of registers by their type. */
// differs: 3.2 has made 0 of the registers when it cannot read what to set them to
#include "ptrace.h"

#include <elf.h>
#include <sys/uio.h>

static void counts(void) {
  double pi;
  __asm__ volatile("fninit; fldpi; fld1; mov $0x3ff8000000000000, %%rax; movq %%rax, %%xmm7; int3; fstpl %0; fstp %%st(0)" : "=m"(pi)::"rax", "xmm7", "st");
  unsigned mxcsr;
  unsigned short control;
  __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
  double third = 1;
  __asm__ volatile("divsd %1, %0" : "+x"(third) : "x"(3.0));
  say("in it: %g, mxcsr %#x, control %#x, 1/3 rounded up %d", pi, mxcsr, control, third > 1.0 / 3.0);
}
static void set(pid_t pid, const char *what, int type, void *base, size_t size) {
  struct iovec v = { base, size };
  long result = ptrace(PTRACE_GETREGSET, pid, type, &v);
  say("%s: %s, %zu bytes", what, result ? errname(errno) : "ok", v.iov_len);
}

int main(void) {
  pid_t pid = start_tracee(counts);
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  say("%s", wait_str(wait_for(pid)));
  struct user_fpregs_struct f;
  must(ptrace(PTRACE_GETFPREGS, pid, 0, &f));
  say("cwd %#x, swd %#x, ftw %#x, mxcsr %#x", f.cwd, f.swd, f.ftw, f.mxcsr);
  say("st0 %08x%08x %04x, st1 %08x%08x %04x", f.st_space[1], f.st_space[0], f.st_space[2] & 0xffff, f.st_space[5], f.st_space[4], f.st_space[6] & 0xffff);
  say("xmm7 %08x%08x", f.xmm_space[29], f.xmm_space[28]);
  f.st_space[1] = 0xc0000000; /* 1.5 */
  f.mxcsr = 0x5f80;           /* rounds up */
  f.cwd = 0x27f;
  must(ptrace(PTRACE_SETFPREGS, pid, 0, &f));
  f.mxcsr = 0;
  must(ptrace(PTRACE_GETFPREGS, pid, 0, &f));
  say("set: mxcsr %#x, cwd %#x", f.mxcsr, f.cwd);
  show("to nowhere", ptrace(PTRACE_GETFPREGS, pid, 0, 8));
  show("to the kernel", ptrace(PTRACE_GETFPREGS, pid, 0, 0xffff800000000000));

  char buffer[16384];
  set(pid, "general", NT_PRSTATUS, buffer, sizeof buffer);
  set(pid, "8 bytes of them", NT_PRSTATUS, buffer, 8);
  set(pid, "no bytes", NT_PRSTATUS, buffer, 0);
  set(pid, "a length that is no multiple", NT_PRSTATUS, buffer, 12);
  set(pid, "floating point", NT_PRFPREG, buffer, sizeof buffer);
  say("the same: %d", !memcmp(buffer, &f, sizeof f));
  set(pid, "an unknown set", 12345, buffer, sizeof buffer);
  set(pid, "thread areas", 0x200, buffer, sizeof buffer);
  set(pid, "ports", 0x201, buffer, sizeof buffer);
  set(pid, "to nowhere", NT_PRSTATUS, (void *)8, 216);
  set(pid, "of an unknown type to nowhere", 12345, (void *)8, 216);
  show("no iovec", ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8));
  unsigned long r15 = 77;
  struct iovec v = { &r15, 8 };
  show("set the first one", ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v));
  say("r15 %ld", peek_user(pid, REG(r15)));
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  say("%s", reap(pid));

  pid = start_tracee(counts);
  show("from nowhere", ptrace(PTRACE_SETFPREGS, pid, 0, 8));
  must(ptrace(PTRACE_GETFPREGS, pid, 0, &f));
  say("which has set mxcsr %#x, cwd %#x", f.mxcsr, f.cwd);
  end_tracee(pid);
  return 0;
}
