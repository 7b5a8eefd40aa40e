/* Slots of the GDT and bases of fs and gs, of another thread. */
// differs: 3.2 keeps a base below 4 GiB in a slot of the GDT, with its selector
#include "ptrace.h"

#include <asm/ldt.h>
#include <asm/prctl.h>

static void spin(void) {
  for (;;) __asm__ volatile("pause");
}
static void calls(void) {
  for (;;) syscall(SYS_getppid);
}
static void show_area(pid_t pid, const char *what, int index) {
  struct user_desc d;
  memset(&d, 0xff, sizeof d);
  if (ptrace(PTRACE_GET_THREAD_AREA, pid, index, &d) == -1) {
    say("%s: %s", what, errname(errno));
    return;
  }
  say("%s: entry %d, base %#x, limit %#x, 32bit %d, contents %d, read only %d, pages %d, absent %d, useable %d", what, d.entry_number, d.base_addr, d.limit,
      d.seg_32bit, d.contents, d.read_exec_only, d.limit_in_pages, d.seg_not_present, d.useable);
}

enum { LOW = 0x10000000 };
/* Reads by way of gs, whose base is LOW, twice. */
static void reads(void) {
  volatile unsigned *at = mmap((void *)(long)LOW, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  at[0] = 7, at[1024] = 8;
  must(syscall(SYS_arch_prctl, ARCH_SET_GS, LOW));
  for (;;) __asm__ volatile("mov %%gs:0, %%eax; int3" : : : "rax");
}
/* The same by way of both, whose bases are high. */
static void reads_high(void) {
  volatile unsigned *at = mmap((void *)0x123456780000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  at[0] = 7, at[1024] = 8;
  must(syscall(SYS_arch_prctl, ARCH_SET_GS, at));
  must(syscall(SYS_arch_prctl, ARCH_SET_FS, at + 1024));
  for (;;) __asm__ volatile("mov %%gs:0, %%eax; mov %%fs:0, %%ecx; int3" : : : "rax", "rcx");
}

int main(void) {
  pid_t pid = start_tracee(spin);
  struct user_desc d = { .entry_number = 99, .base_addr = 0x1234000, .limit = 0xffffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1, .lm = 1 };
  show_area(pid, "empty", 14);
  show_area(pid, "one too many", 15);
  show_area(pid, "one too few", 11);
  show_area(pid, "negative", -1);
  show("to nowhere", ptrace(PTRACE_GET_THREAD_AREA, pid, 14, 8));
  show("from nowhere", ptrace(PTRACE_SET_THREAD_AREA, pid, 99, 8));
  show("a bad index", ptrace(PTRACE_SET_THREAD_AREA, pid, 99, &d));
  show("a negative one", ptrace(PTRACE_SET_THREAD_AREA, pid, -1, &d));
  show("set", ptrace(PTRACE_SET_THREAD_AREA, pid, 14, &d));
  show_area(pid, "then", 14);

  unsigned long base = 0;
  show("arch_prctl: set gs", ptrace(PTRACE_ARCH_PRCTL, pid, 0x5550000, ARCH_SET_GS));
  say("gs %#lx, gs_base %#lx", peek_user(pid, REG(gs)), peek_user(pid, REG(gs_base)));
  show_area(pid, "its slot", 13);
  show("get", ptrace(PTRACE_ARCH_PRCTL, pid, &base, ARCH_GET_GS));
  say("%#lx", base);
  show("set it high", ptrace(PTRACE_ARCH_PRCTL, pid, 0x123450000000, ARCH_SET_GS));
  say("gs %#lx, gs_base %#lx", peek_user(pid, REG(gs)), peek_user(pid, REG(gs_base)));
  show("of the kernel", ptrace(PTRACE_ARCH_PRCTL, pid, 0x7ffffffff000, ARCH_SET_GS));
  show("no such code", ptrace(PTRACE_ARCH_PRCTL, pid, 0, 0x1000));
  show("get to nowhere", ptrace(PTRACE_ARCH_PRCTL, pid, 8, ARCH_GET_FS));
  end_tracee(pid);

  pid = start_tracee(spin);
  must(poke_user(pid, REG(gs_base), 0x7650000));
  must(ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
  wait_for(pid);
  say("after a step: gs %#lx, gs_base %#lx", peek_user(pid, REG(gs)), peek_user(pid, REG(gs_base)));
  must(poke_user(pid, REG(gs), 0x53));
  say("no such selector: %#lx", peek_user(pid, REG(gs)));
  must(ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
  wait_for(pid);
  say("after a step: gs %#lx, gs_base %#lx", peek_user(pid, REG(gs)), peek_user(pid, REG(gs_base)));
  end_tracee(pid);

  pid = start_tracee(reads);
  resume(pid, PTRACE_CONT, 0);
  say("by way of gs: %ld", peek_user(pid, REG(rax)));
  d.entry_number = 13, d.base_addr = LOW + 4096;
  must(ptrace(PTRACE_SET_THREAD_AREA, pid, 13, &d));
  resume(pid, PTRACE_CONT, 0);
  say("its slot has changed: %ld, gs_base %#lx", peek_user(pid, REG(rax)), peek_user(pid, REG(gs_base)));
  end_tracee(pid);

  pid = start_tracee(reads_high);
  resume(pid, PTRACE_CONT, 0);
  say("by way of gs and fs: %ld %ld", peek_user(pid, REG(rax)), peek_user(pid, REG(rcx)));
  must(poke_user(pid, REG(ds), 0x2b));
  resume(pid, PTRACE_CONT, 0);
  say("another selector has been set: %ld %ld", peek_user(pid, REG(rax)), peek_user(pid, REG(rcx)));
  must(poke_user(pid, REG(gs), 0x2b)), must(poke_user(pid, REG(fs), 0x2b));
  int status = resume(pid, PTRACE_CONT, 0);
  say("selectors beside the bases: %s, %ld %ld", wait_str(status), peek_user(pid, REG(rax)), peek_user(pid, REG(rcx)));
  end_tracee(pid);

  pid = start_tracee(calls);
  must(poke_user(pid, REG(ds), 0x2b));
  say("it goes on in code of 64 bits: %s, at a call %d", wait_str(resume(pid, PTRACE_SYSCALL, 0)), peek_user(pid, REG(orig_rax)) > 0);
  end_tracee(pid);
  return 0;
}
