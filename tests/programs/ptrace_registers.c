/* struct user as a tracer reads and writes it: what is where, what is refused, selectors, bases, flags. */
// differs: 3.2 keeps a base below 4 GiB in a slot of the GDT, which shows in the selector, and EFAULTs stop a SETREGS halfway
#include "ptrace.h"
#include <sys/uio.h>

static void spin(void) {
  for (;;) __asm__ volatile("pause");
}
static const char *set(pid_t pid, size_t offset, unsigned long value) {
  static char text[64];
  if (poke_user(pid, offset, value) == -1) return errname(errno);
  snprintf(text, sizeof text, "ok, reads %#lx", peek_user(pid, offset));
  return text;
}

int main(void) {
  pid_t pid = start_tracee(spin);
  errno = 0;
  show("a word that is not aligned", peek_user(pid, 4));
  show("behind the last one", peek_user(pid, sizeof(struct user)));
  show("a negative one", peek_user(pid, (size_t)-8));
  show("between the registers and the debug registers", peek_user(pid, offsetof(struct user, u_tsize)));
  show("the last word", peek_user(pid, sizeof(struct user) - 8));
  show("no memory for it", syscall(SYS_ptrace, PTRACE_PEEKUSER, pid, REG(rip), 8));
  show("set: between", poke_user(pid, offsetof(struct user, u_tsize), 1));
  show("set: behind the registers", poke_user(pid, offsetof(struct user, u_fpvalid), 1));
  show("set: the last word", poke_user(pid, sizeof(struct user) - 8, 1));
  show("set: behind it", poke_user(pid, sizeof(struct user), 1));
  show("set: not aligned", poke_user(pid, 4, 1));

  say("cs %s", set(pid, REG(cs), 0));
  say("cs kernel's %s", set(pid, REG(cs), 0x10));
  say("cs of 32 bits %s", set(pid, REG(cs), 0x23));
  say("ss %s", set(pid, REG(ss), 0));
  say("ss another %s", set(pid, REG(ss), 0x33));
  say("ds %s", set(pid, REG(ds), 0x2b));
  say("ds unknown %s", set(pid, REG(ds), 0x53));
  say("ds of the kernel %s", set(pid, REG(ds), 0x18));
  say("es cut to 16 bits %s", set(pid, REG(es), 0x1002b));
  say("fs_base of the kernel %s", set(pid, REG(fs_base), 0x7ffffffff000));
  say("fs_base non-canonical %s", set(pid, REG(fs_base), 1UL << 63));
  say("fs_base high %s", set(pid, REG(fs_base), 0x123456789000));
  say("fs then %#lx", peek_user(pid, REG(fs)));
  say("gs_base low %s", set(pid, REG(gs_base), 0x12345000));
  say("gs then %#lx", peek_user(pid, REG(gs)));
  say("gs_base 0 %s", set(pid, REG(gs_base), 0));
  say("gs_base high %s", set(pid, REG(gs_base), 0x7fffffffefff));
  say("gs then %#lx", peek_user(pid, REG(gs)));
  say("gs as its slot's %s", set(pid, REG(gs), 0x6b));

  unsigned long flags = (unsigned long)peek_user(pid, REG(eflags));
  must(poke_user(pid, REG(eflags), ~0UL));
  say("flags that can be set %#lx", peek_user(pid, REG(eflags)) & ~(flags & 0x202));
  must(poke_user(pid, REG(eflags), 0));
  say("cleared %#lx", peek_user(pid, REG(eflags)));
  say("rip %s", set(pid, REG(rip), 1UL << 63));
  say("orig_rax %s", set(pid, REG(orig_rax), 0x123456789abcdef0));
  say("orig_rax %s", set(pid, REG(orig_rax), -1UL));
  say("rax %s", set(pid, REG(rax), -512UL));

  struct user_regs_struct r = regs_of(pid), other;
  struct iovec all = {&other, ~7ul};
  must(ptrace(PTRACE_GETREGSET, pid, 1, &all));
  say("the set, into all there is: %zu", all.iov_len);
  all.iov_len = 0;
  show("XSTATE, set", ptrace(PTRACE_SETREGSET, pid, 0x202, &all));
  show("registers to nowhere", ptrace(PTRACE_GETREGS, pid, 0, 8));
  show("registers to the kernel", ptrace(PTRACE_GETREGS, pid, 0, 0xffff800000000000));
  show("registers from nowhere", ptrace(PTRACE_SETREGS, pid, 0, 8));
  show("registers from the kernel", ptrace(PTRACE_SETREGS, pid, 0, 0xffff800000000000));
  r.r15 = 15;
  r.rdi = 7;
  r.cs = 0;
  r.rsp = 0x5000;
  show("a bad cs among them", ptrace(PTRACE_SETREGS, pid, 0, &r));
  other = regs_of(pid);
  say("set: those before it %lld %lld, those behind %d", other.r15, other.rdi, other.rsp == 0x5000);
  r.cs = 0x33;
  must(ptrace(PTRACE_SETREGS, pid, 0, &r));
  other = regs_of(pid);
  say("all: %d", !memcmp(&r, &other, offsetof(struct user_regs_struct, fs_base)) && other.ss == 0x2b);
  char *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(end + 4096, 4096);
  r.r15 = 16;
  memcpy(end + 4096 - 64, &r, 64);
  show("half of them", ptrace(PTRACE_SETREGS, pid, 0, end + 4096 - 64));
  say("r15 %ld", peek_user(pid, REG(r15)));
  for (int request = 18; request <= 19; request++) show("the other FPU requests", ptrace(request, pid, 0, &r));
  show("no such request", ptrace(1000, pid, 0, 0));
  end_tracee(pid);
  return 0;
}
