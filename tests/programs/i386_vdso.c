/* The page with __kernel_vsyscall: its ELF image, calls by SYSENTER, the way back from handlers, a tracer's view. */
// needs: i386
// needs: root
// differs: later kernels have another image, at times none of SYSENTER, and no number 2 in abi.vsyscall32
#include "trace.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/user.h>

static unsigned char *vdso, *entry;
static char stack_[65536];

/* A call by the vdso, with all six arguments. */
static long vsys(long nr, long a, long b, long c, long d, long e, long f) {
  struct { long a, b, c, d, e, f; void *entry; } in = {a, b, c, d, e, f, entry};
  long result = nr;
  __asm__ volatile("push %%ebp; push %%ebx; mov %1, %%ebx; pushl 24(%%ebx); mov 4(%%ebx), %%ecx; mov 8(%%ebx), %%edx\n"
                   "mov 12(%%ebx), %%esi; mov 16(%%ebx), %%edi; mov 20(%%ebx), %%ebp; mov (%%ebx), %%ebx\n"
                   "call *(%%esp); add $4, %%esp; pop %%ebx; pop %%ebp"
                   : "+a"(result) : "c"(&in) : "edx", "esi", "edi", "memory");
  return result;
}
static void told(const char *what, long result) {
  if (result < 0 && result > -4096) say("%s: %s", what, errname((int)-result));
  else say("%s: ok", what);
}

static void image(void) {
  Elf32_Ehdr *e = (void *)vdso;
  Elf32_Phdr *p = (void *)(vdso + e->e_phoff);
  say("elf %d type %d machine %d, entry %x, segments %d", !memcmp(vdso, ELFMAG, 4), e->e_type, e->e_machine, e->e_entry, e->e_phnum);
  Elf32_Dyn *dyn = NULL;
  for (int i = 0; i < e->e_phnum; i++) {
    say("  segment %x flags %x at %x", p[i].p_type, p[i].p_flags, p[i].p_type == PT_LOAD ? p[i].p_vaddr : p[i].p_vaddr - p[i].p_offset);
    if (p[i].p_type == PT_DYNAMIC) dyn = (void *)(vdso + p[i].p_offset);
  }
  unsigned bias = (unsigned)vdso - p[0].p_vaddr; /* it is as it was linked, wherever it lies */
  Elf32_Sym *sym = NULL;
  char *str = NULL;
  unsigned *hash = NULL;
  unsigned short *versym = NULL;
  for (; dyn->d_tag; dyn++) {
    if (dyn->d_tag == DT_SYMTAB) sym = (void *)(dyn->d_un.d_ptr + bias);
    if (dyn->d_tag == DT_STRTAB) str = (void *)(dyn->d_un.d_ptr + bias);
    if (dyn->d_tag == DT_HASH) hash = (void *)(dyn->d_un.d_ptr + bias);
    if (dyn->d_tag == DT_VERSYM) versym = (void *)(dyn->d_un.d_ptr + bias);
  }
  const char *names[] = {"__kernel_vsyscall", "__kernel_sigreturn", "__kernel_rt_sigreturn"};
  for (int n = 0; n < 3; n++)
    for (unsigned i = 1; i < hash[1]; i++)
      if (!strcmp(str + sym[i].st_name, names[n])) say("  %s at %x, %u bytes, version %d", names[n], sym[i].st_value, sym[i].st_size, versym[i]);
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[200];
  while (fgets(line, sizeof line, maps)) {
    unsigned from, to;
    char flags[8], name[32] = "";
    sscanf(line, "%x-%x %7s %*s %*s %*s %31s", &from, &to, flags, name);
    if (from == (unsigned)vdso) say("  %s %u %s", flags, to - from, name);
  }
  fclose(maps);
}

/* The page counts as the program's. 3.2 shows a stack without its guard page, which counts, too. */
static void counted(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  unsigned long from, to, all = 0;
  char line[300];
  while (fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx", &from, &to) == 2) all += (to - from) / 1024;
  fclose(maps);
  say("VmSize and the maps: %ld kB", status_number(getpid(), "\nVmSize:") - (long)all);
}

static void calls(void) {
  say("getpid %d", vsys(20, 0, 0, 0, 0, 0, 0) == getpid());
  char *page = (char *)vsys(192, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("mmap2 %d", page[0]);
  int fd = (int)must(open("/proc/self/exe", O_RDONLY));
  char *file = (char *)vsys(192, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 1), two[16];
  must(pread(fd, two, 16, 4096));
  say("the sixth argument counts: %d", !memcmp(file, two, 16));
  told("no such call", vsys(349, 0, 0, 0, 0, 0, 0)), told("a hole", vsys(17, 0, 0, 0, 0, 0, 0)), told("a bad one", vsys(6, 99, 0, 0, 0, 0, 0));
  pid_t pid = (pid_t)vsys(2, 0, 0, 0, 0, 0, 0);
  if (!pid) vsys(1, 5, 0, 0, 0, 0, 0);
  say("a child of fork: %s", reap(pid));
}

static volatile unsigned came_from;
static int ends[2];
static volatile int handled;
static void on_usr(int sig) { (void)sig, handled++, came_from = ((unsigned *)__builtin_frame_address(0))[1], must(write(ends[1], "xy", 2)); }
static void on_usr_info(int sig, siginfo_t *info, void *context) { (void)sig, (void)info, (void)context, handled++, came_from = ((unsigned *)__builtin_frame_address(0))[1]; }
static void set(int sig, void *handler, unsigned flags) {
  struct { void *handler; unsigned flags; void *restorer; unsigned mask[2]; } sa = {handler, flags, NULL, {0, 0}};
  must(syscall(174, sig, &sa, NULL, 8));
}

static void handlers(void) {
  must(pipe(ends));
  set(SIGUSR1, on_usr, 0), must(raise(SIGUSR1)), say("sigreturn: %x, handled %d", came_from - (unsigned)vdso, handled);
  set(SIGUSR1, on_usr_info, SA_SIGINFO), must(raise(SIGUSR1)), say("rt_sigreturn: %x, handled %d", came_from - (unsigned)vdso, handled);
  char text[8];
  must(read(ends[0], text, 2));
  set(SIGALRM, on_usr, SA_RESTART);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  must(setitimer(ITIMER_REAL, &soon, NULL));
  say("a read that is made again: %ld", vsys(3, ends[0], (long)text, 8, 0, 0, 0));
  set(SIGALRM, on_usr_info, SA_SIGINFO), must(setitimer(ITIMER_REAL, &soon, NULL));
  told("one that is not", vsys(3, ends[0], (long)text, 8, 0, 0, 0));
}

static void on_segv(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)sig;
  say("  signal %d at %x, eip %x eax %d esp %x", sig, info->si_addr == NULL ? 0 : (unsigned)info->si_addr, (unsigned)u->uc_mcontext.gregs[14] - (unsigned)vdso, u->uc_mcontext.gregs[11], (unsigned)u->uc_mcontext.gregs[7]);
  _exit(0);
}

static void faults(void) {
  pid_t pid;
  stack_t alt = {.ss_sp = stack_, .ss_size = 32768};
  must(sigaltstack(&alt, NULL));
  on_siginfo(SIGSEGV, on_segv, SA_ONSTACK);
  CHILD(pid) {
    __asm__ volatile("mov $8, %%ebp; mov $20, %%eax; sysenter" : : : "eax", "memory");
    _exit(1);
  }
  say("no stack: %s", reap(pid));
  CHILD(pid) {
    must(munmap(vdso, 4096));
    __asm__ volatile("push %%ecx; push %%edx; push %%ebp; mov %%esp, %%ebp; mov $20, %%eax; sysenter" : : : "eax", "memory");
    _exit(1);
  }
  say("no page: %s", reap(pid));
  CHILD(pid) {
    show("writable", mprotect(vdso, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
    vdso[0x430] = 0x90; /* nop in place of pop %ebp: ret goes elsewhere unless it is put right */
    vdso[0x430] = 0x5d;
    say("own: %d", vsys(20, 0, 0, 0, 0, 0, 0) == getpid());
    show_ok("larger", (long)mremap(vdso, 4096, 8192, MREMAP_MAYMOVE));
    show("locked", mlock(vdso, 4096));
    show("unlocked", munlock(vdso, 4096));
    _exit(0);
  }
  say("changed: %s", reap(pid));
}

static long reg(pid_t pid, int offset) {
  long value = 0;
  must(trace(PTRACE_PEEKUSER, pid, (unsigned)offset, (unsigned long)&value));
  return value;
}

static void traced(void) {
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    must(raise(SIGSTOP));
    long x = vsys(192, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 77);
    _exit((x & 4095) != 0);
  }
  next_stop("stopped", pid);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  do {
    must(trace(PTRACE_SYSCALL, pid, 0, 0));
    wait_for(pid);
  } while (reg(pid, 44) != 192);
  say("entry: eip %lx eax %ld ebp %ld ecx %ld", reg(pid, 48) - (long)vdso, reg(pid, 24), reg(pid, 20), reg(pid, 4));
  long word = 0;
  must(trace(PTRACE_PEEKTEXT, pid, (unsigned long)entry, (unsigned long)&word));
  say("its code: %lx", word);
  show("a breakpoint", trace(PTRACE_POKETEXT, pid, (unsigned long)vdso + 0x431, 0xc3595acc));
  must(trace(PTRACE_SYSCALL, pid, 0, 0));
  next_stop("exit", pid);
  say("exit: eip %lx eax is an address %d, ebp %ld", reg(pid, 48) - (long)vdso, (reg(pid, 24) & 4095) == 0, reg(pid, 20));
  must(trace(PTRACE_CONT, pid, 0, 0));
  next_stop("breakpoint", pid);
  say("eip %lx", reg(pid, 48) - (long)vdso);
  must(trace(PTRACE_POKETEXT, pid, (unsigned long)vdso + 0x431, 0xc3595a)), must(trace(PTRACE_POKEUSER, pid, 48, (unsigned long)vdso + 0x431));
  must(trace(PTRACE_SINGLESTEP, pid, 0, 0));
  next_stop("step", pid);
  say("eip %lx", reg(pid, 48) - (long)vdso);
  must(trace(PTRACE_CONT, pid, 0, 0));
  next_stop("end", pid);
  say("our own page is as it was: %x", *(unsigned char *)(vdso + 0x431));
}

static void stepped(void) {
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    must(raise(SIGSTOP));
    vsys(20, 0, 0, 0, 0, 0, 0);
    _exit(0);
  }
  wait_for(pid);
  int steps = 0;
  while (reg(pid, 48) != (long)entry && steps++ < 2000) must(trace(PTRACE_SINGLESTEP, pid, 0, 0)), wait_for(pid);
  for (int i = 0; i < 8; i++) {
    siginfo_t info;
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0)), wait_for(pid);
    must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
    say("  eip %lx code %d, ecx is esp %d, edx %lx, flags %lx", reg(pid, 48) - (long)vdso, info.si_code, reg(pid, 4) == reg(pid, 60), reg(pid, 8) == 0 ? 0 : reg(pid, 8) == reg(pid, 48), reg(pid, 56) & 0x100);
  }
  must(trace(PTRACE_CONT, pid, 0, 0));
  say("end: %s", reap(pid));
}

static void tunable(int value) {
  char text[8];
  int fd = (int)must(open("/proc/sys/abi/vsyscall32", O_RDWR));
  must(read(fd, text, sizeof text) > 0 ? 0 : -1);
  say("abi.vsyscall32 is %c, becomes %d", text[0], value);
  text[0] = (char)('0' + value);
  must(pwrite(fd, text, 1, 0)), close(fd);
  pid_t pid;
  CHILD(pid) must(execl("/proc/self/exe", "i386_vdso", "again", NULL));
  say("%s", reap(pid));
}

int main(int argc, char **argv) {
  (void)argv;
  vdso = (unsigned char *)getauxval(AT_SYSINFO_EHDR), entry = (unsigned char *)getauxval(AT_SYSINFO);
  if (argc > 1) {
    say("there %d, at the old place %d", vdso != NULL, (unsigned)vdso == 0xffffe000);
    must(pipe(ends));
    set(SIGUSR1, on_usr, 0), must(raise(SIGUSR1)), say("sigreturn: in the vdso %d, handled %d", came_from - (unsigned)vdso == 0x400, handled);
    return 0;
  }
  say("sysinfo %x", entry - vdso);
  image(), counted(), calls(), handlers(), faults(), traced(), stepped();
  tunable(0), tunable(2), tunable(1);
  return 0;
}
