/* Bases and selectors of fs and gs, beside each other, as a program and its tracer set them in turn; and whose the trap
 * flag is.
 */
// differs: since 4.7 selectors and bases are set each for itself
#include "ptrace.h"
#include <asm/ldt.h>
#include <asm/prctl.h>

static unsigned long gs_base;
static unsigned gs;
/* Sets a base, then a selector unless that is -1, and spins; without a library, whose own base fs is. */
static void sets(void) {
  struct user_desc d = {.entry_number = 1, .base_addr = 0x4000, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  must(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base));
  if (gs != -1u) __asm__ volatile("mov %0, %%gs" : : "r"(gs));
  __asm__ volatile("int3");
  for (;;) __asm__ volatile("pause");
}
static void tell(pid_t pid, const char *what) {
  say("  %s: gs %#lx, gs_base %#lx", what, peek_user(pid, REG(gs)), peek_user(pid, REG(gs_base)));
}
static void step(pid_t pid) { must(ptrace(PTRACE_SINGLESTEP, pid, 0, 0)), wait_for(pid); }
/* What the program has done, then what its tracer does to one word or the other. */
static void with(const char *what, unsigned long base, unsigned selector) {
  static const struct { const char *name; int is_base; unsigned long value; } pokes[] = {
    {"gs 0", 0, 0}, {"gs of the slot", 0, 0x6b}, {"gs of the table", 0, 0xf}, {"gs of nothing", 0, 0x53}, {"base 0", 1, 0}, {"base low", 1, 0x5000}, {"base high", 1, 0x123456789000}};
  say("%s", what);
  gs_base = base, gs = selector;
  for (size_t i = 0; i < sizeof pokes / sizeof *pokes; i++) {
    pid_t pid = start_tracee(sets);
    resume(pid, PTRACE_CONT, 0);
    if (!i) tell(pid, "as it is");
    must(poke_user(pid, pokes[i].is_base ? REG(gs_base) : REG(gs), pokes[i].value));
    tell(pid, pokes[i].name);
    struct user_regs_struct r = regs_of(pid);
    if ((long)r.gs != peek_user(pid, REG(gs)) || (long)r.gs_base != peek_user(pid, REG(gs_base))) say("  not so in the set");
    step(pid), tell(pid, "  after a step");
    must(poke_user(pid, REG(gs_base), 0x7000)), must(poke_user(pid, REG(gs), 0)), tell(pid, "  base, then selector");
    step(pid), tell(pid, "  after a step");
    end_tracee(pid);
  }
}

static void fs(void) {
  pid_t pid = start_tracee(sets);
  static const unsigned long bases[] = {0x123456789000, 0x5000, 0}, selectors[] = {0x63, 0, 0x63, 0xf, 0, 0x53};
  for (int b = 0; b < 3; b++)
    for (int s = 0; s < 6; s++) {
      must(poke_user(pid, REG(fs_base), bases[b])), must(poke_user(pid, REG(fs), selectors[s]));
      say("fs_base %#lx, fs %#lx: %#lx, %#lx", bases[b], selectors[s], peek_user(pid, REG(fs_base)), peek_user(pid, REG(fs)));
    }
  must(poke_user(pid, REG(fs_base), 0x123456789000));
  static const unsigned long in_turn[] = {0x2b, 0x63, 0};
  for (int s = 0; s < 3; s++) must(poke_user(pid, REG(fs), in_turn[s])), say("a high base, then fs %#lx: %#lx, %#lx", in_turn[s], peek_user(pid, REG(fs_base)), peek_user(pid, REG(fs)));
  must(poke_user(pid, REG(fs_base), 0x123456789000)), must(poke_user(pid, REG(fs_base), 0x123456789000)), must(poke_user(pid, REG(ds), 0x2b));
  step(pid);
  say("the same base again, and a step: %#lx, %#lx", peek_user(pid, REG(fs_base)), peek_user(pid, REG(fs)));
  end_tracee(pid);
}

/* Selectors of fs and of the stack that the program has loaded, seen at a trap and at a call. */
static void loads(void) {
  struct user_desc d = {.entry_number = 1, .base_addr = 0x4000, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  __asm__ volatile("mov %0, %%fs; mov %0, %%ss; int3; xor %%eax, %%eax; syscall" : : "r"(0xf) : "rax", "rcx", "r11");
  for (;;) __asm__ volatile("pause");
}
static void loaded(void) {
  pid_t pid = start_tracee(loads);
  resume(pid, PTRACE_CONT, 0);
  say("at a trap: fs %#lx, fs_base %#lx, ss %#lx", peek_user(pid, REG(fs)), peek_user(pid, REG(fs_base)), peek_user(pid, REG(ss)));
  resume(pid, PTRACE_SYSCALL, 0);
  say("at a call: orig_rax %ld, fs %#lx, ss %#lx", peek_user(pid, REG(orig_rax)), peek_user(pid, REG(fs)), peek_user(pid, REG(ss)));
  end_tracee(pid);
}

/* Both bases, then selectors beside them. */
static void sets_both(void) {
  struct user_desc d = {.entry_number = 1, .base_addr = 0x4000, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .useable = 1};
  must(syscall(SYS_modify_ldt, 0x11, &d, sizeof d));
  must(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x765432101000));
  must(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x765432102000));
  __asm__ volatile("mov %0, %%fs; mov %0, %%gs; int3; mov %1, %%fs; mov %1, %%gs; int3" : : "r"(0xf), "r"(0));
  for (;;) __asm__ volatile("pause");
}
static void forgotten(void) {
  for (int all = 0; all < 2; all++) {
    pid_t pid = start_tracee(sets_both);
    resume(pid, PTRACE_CONT, 0);
    unsigned long fs = all ? regs_of(pid).fs_base : (unsigned long)peek_user(pid, REG(fs_base)), gs = (unsigned long)peek_user(pid, REG(gs_base));
    say("both loaded, seen %s: fs_base %#lx, gs_base %#lx", all ? "in the set" : "one by one", fs, gs);
    must(poke_user(pid, REG(fs_base), 0x765432103000)), must(poke_user(pid, REG(fs), 0xf));
    must(poke_user(pid, REG(gs_base), 0x765432104000)), must(poke_user(pid, REG(gs), 0xf));
    resume(pid, PTRACE_CONT, 0);
    struct user_regs_struct r = regs_of(pid);
    say("set beside bases, and taken off by the program: fs %#llx, %#llx, gs %#llx, %#llx", r.fs, r.fs_base, r.gs, r.gs_base);
    end_tracee(pid);
  }
}

static void spins(void) {
  for (;;) __asm__ volatile("pause");
}
static int traps(pid_t pid) {
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  usleep(100), kill(pid, SIGSTOP);
  int sig = WSTOPSIG(wait_for(pid));
  return sig == SIGTRAP;
}
static void flags(void) {
  pid_t pid = start_tracee(spins);
  step(pid);
  say("stepped: flag %ld", peek_user(pid, REG(eflags)) >> 8 & 1);
  must(poke_user(pid, REG(eflags), 0x246)), say("set without it: %ld", peek_user(pid, REG(eflags)) >> 8 & 1);
  say("it goes on stepping: %d", traps(pid));
  end_tracee(pid), pid = start_tracee(spins);
  step(pid), must(poke_user(pid, REG(eflags), 0x346)), say("set with it: %ld", peek_user(pid, REG(eflags)) >> 8 & 1);
  say("it goes on stepping: %d, flag %ld", traps(pid), peek_user(pid, REG(eflags)) >> 8 & 1);
  must(poke_user(pid, REG(eflags), 0x246)), step(pid), must(poke_user(pid, REG(eflags), 0x247)), step(pid);
  say("cleared: %ld, carry %ld", peek_user(pid, REG(eflags)) >> 8 & 1, peek_user(pid, REG(eflags)) & 1);
  end_tracee(pid);
  pid = start_tracee(spins);
  step(pid), must(poke_user(pid, REG(eflags), 0x202)), step(pid), say("step, set, step: %ld, and goes on: %d", peek_user(pid, REG(eflags)) >> 8 & 1, !traps(pid));
  end_tracee(pid);
}

int main(void) {
  with("nothing", 0, -1u), with("a low base", 0x6000, -1u), with("a high base", 0x765432101000, -1u), with("a high base and 0", 0x765432101000, 0);
  with("a high base and the table's", 0x765432101000, 0xf), with("a low base and the table's", 0x6000, 0xf);
  fs(), loaded(), forgotten(), flags();
  return 0;
}
