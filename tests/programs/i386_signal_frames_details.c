/* Frames of signals of a 32-bit program, word for word: where they lie, the FPU's state as FSAVE has it, and what a handler
   may change for its return. */
// needs: i386
// differs: later kernels round in another way, and a CPU with XSAVE has more to store
#include "check.h"
#include <sys/time.h>
#include <ucontext.h>

enum { DF = 0x400, TF = 0x100, RPL = 3 };
unsigned got[5]; /* eax, edx, ecx, esp, flags */
unsigned char frame[768 + 32];
void entered(int sig);
__asm__(".globl entered\nentered:\n mov %eax, got\n mov %edx, got+4\n mov %ecx, got+8\n mov %esp, got+12\n pushf\n"
        " pop got+16\n cld\n push %esi\n push %edi\n lea 8(%esp), %esi\n mov $frame, %edi\n mov $192, %ecx\n rep movsl\n"
        " pop %edi\n pop %esi\n ret\n");

struct kernel_action { void (*handler)(int); unsigned long flags; void (*restorer)(void); unsigned mask[2]; };
static void install(int sig, void *handler, unsigned long flags) {
  struct kernel_action action = {.handler = (void (*)(int))handler, .flags = flags};
  must(syscall(SYS_rt_sigaction, sig, &action, NULL, 8));
}
static unsigned word(unsigned offset) {
  unsigned value;
  memcpy(&value, frame + offset, 4);
  return value;
}
/* kill(2) to itself with this stack pointer, the direction flag set, and no segments of data. */
static unsigned kill_on(char *sp, int sig) {
  unsigned after = 0;
  __asm__ volatile("mov %%esp, %%esi; mov %1, %%esp; std; mov %0, %%ds; mov %0, %%es; int $0x80; pushf; pop %0; cld;"
                   "push %%ss; pop %%ds; push %%ss; pop %%es; mov %%esi, %%esp"
                   : "+d"(after) : "D"(sp), "a"(SYS_kill), "b"(getpid()), "c"(sig) : "esi", "memory");
  return after;
}

static void places(void) {
  static char stack[65536] __attribute__((aligned(64)));
  block(40);
  for (int rt = 0; rt < 2; rt++) {
    install(SIGUSR1, (void *)entered, rt ? SA_SIGINFO : 0);
    for (int at = 0; at < 16; at += 4) {
      unsigned after = kill_on(stack + 32768 + at, SIGUSR1);
      unsigned sc = rt ? 164 : 8;
      say("%s at %d: %u below, its floating point %u below; direction: in it %d, saved %d, behind it %d", rt ? "rt frame" : "frame",
          at, (unsigned)(stack + 32768 + at) - got[3], (unsigned)(stack + 32768 + at) - word(sc + 76), !!(got[4] & DF), !!(word(sc + 64) & DF), !!(after & DF));
    }
    if (rt) {
      say("ax %u, dx %u, cx %u", got[0], got[1] - got[3], got[2] - got[3]);
      say("signal %u, %u %u; flags %u, link %u; stack %u %u %u; masks %x %x", word(4), word(8) - got[3], word(12) - got[3], word(144), word(148), word(152), word(156), word(160), word(252), word(256));
    } else {
      say("ax %u, dx %u, cx %u", got[0], got[1], got[2]);
      say("signal %u, masks %x %x", word(4), word(88), word(720));
    }
    char code[40] = "";
    for (int i = 0; i < 8; i++) sprintf(code + strlen(code), " %02x", frame[(rt ? 260 : 724) + i]);
    say("code:%s; 40 is still blocked: %d", code, ({ sigset_t now; sigprocmask(SIG_BLOCK, NULL, &now); sigismember(&now, 40); }));
  }
}

static unsigned image[28 + 1]; /* FSAVE's, then the status word */
static unsigned *change_to;
static void keeps_fpu(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  ucontext_t *uc = context;
  memcpy(image, uc->uc_mcontext.fpregs, sizeof image - 4);
  image[27] = ((unsigned *)uc->uc_mcontext.fpregs)[27];
  if (change_to) memcpy(uc->uc_mcontext.fpregs, change_to, 108);
}
static void floating(void) {
  static const struct { unsigned long long significand; unsigned short exponent; } special[] = {
    {0, 0}, {1, 0}, {1ull << 63, 0x7fff}, {3ull << 62, 0x3fff}, {1ull << 62, 0x3fff}, {1ull << 63, 0xffff}};
  install(SIGUSR1, keeps_fpu, SA_SIGINFO);
  pid_t me = getpid();
  for (int n = 0; n <= 6; n++) {
    __asm__ volatile("fninit");
    for (int i = 0; i < n; i++) __asm__ volatile("fldt %0" : : "m"(special[i]));
    __asm__ volatile("int $0x80" : : "a"(SYS_kill), "b"(me), "c"(SIGUSR1) : "memory");
    __asm__ volatile("fninit");
    say("%d loaded: control %x, status %x and %x, tags %x, segments %x %x, the first %x %x %x", n, image[0], image[1], image[27], image[2], image[4] & 0xffff, image[6], image[7], image[8], image[9] & 0xffff);
  }
  static unsigned other[28], after[27];
  memcpy(other, image, 108);
  other[0] = 0x27f, other[1] = 5 << 11, other[2] = 0x1ff;
  change_to = other;
  __asm__ volatile("int $0x80" : : "a"(SYS_kill), "b"(me), "c"(SIGUSR1) : "memory");
  __asm__ volatile("fnsave %0" : "=m"(after));
  say("set by the handler: control %x, status %x, tags %x, the first %x %x %x", after[0] & 0xffff, after[1] & 0xffff, after[2] & 0xffff, after[7], after[8], after[9] & 0xffff);
  change_to = NULL;
}

static void changes(int sig, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *uc = context;
  greg_t *regs = uc->uc_mcontext.gregs;
  static char room[8192];
  regs[REG_FS] = 0x28, regs[REG_SS] &= ~RPL, regs[REG_CS] &= ~RPL, regs[REG_DS] &= ~RPL;
  regs[REG_EFL] = 0;
  unsigned short control = 0xc7f;
  __asm__ volatile("fldcw %0" : : "m"(control));
  if (sig == SIGUSR2) uc->uc_mcontext.fpregs = NULL;
  uc->uc_stack = (stack_t){.ss_sp = room, .ss_size = sizeof room};
}
static void changed(void) {
  unsigned short control = 0x27f;
  for (int sig = SIGUSR1; sig <= SIGUSR2; sig += SIGUSR2 - SIGUSR1) {
    install(sig, changes, SA_SIGINFO);
    unsigned fs, ss, cs, ds, flags;
    __asm__ volatile("fldcw %0; pushf; orl $0x200000, (%%esp); popf" : : "m"(control));
    kill(getpid(), sig);
    __asm__ volatile("pushf; pop %0; mov %%fs, %1; mov %%ss, %2; mov %%cs, %3; mov %%ds, %4" : "=r"(flags), "=r"(fs), "=r"(ss), "=r"(cs), "=r"(ds));
    unsigned short now;
    __asm__ volatile("fnstcw %0; fninit" : "=m"(now));
    say("selectors %x %x %x %x, ID %d, control word %x", fs, ss, cs, ds, flags >> 21 & 1, now);
  }
  stack_t ss;
  must(sigaltstack(NULL, &ss));
  say("another stack: %d, size %zu", ss.ss_sp != NULL, ss.ss_size);
}

static void nothing(int sig) { (void)sig; }
static void restarts(void) {
  install(SIGALRM, nothing, 0);
  struct itimerval soon = {.it_value = {.tv_usec = 20000}};
  must(setitimer(ITIMER_REAL, &soon, NULL));
  unsigned length[2] = {1, 0};
  show("a sleep", syscall(SYS_nanosleep, length, length));
  show("restart_syscall", syscall(SYS_restart_syscall));
}

static void bad_frame(void) {
  __asm__ volatile("movl $0x1000, %esp; movl $119, %eax; int $0x80; movl $1, %eax; movl $7, %ebx; int $0x80");
}
static void bad_rt_frame(void) {
  __asm__ volatile("movl $0x1000, %esp; movl $173, %eax; int $0x80; movl $1, %eax; movl $7, %ebx; int $0x80");
}
/* Only the description of the other stack is missing: it lies before the page. */
static void crosses(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page, 4096);
  memcpy(page + 4096, (char *)context + 20, 96);
  __asm__ volatile("mov %0, %%esp; mov $173, %%eax; int $0x80" : : "r"(page + 4096 - 20 - 144 + 4));
}
static void half_a_frame(void) {
  install(SIGUSR1, crosses, SA_SIGINFO);
  kill(getpid(), SIGUSR1);
}
static int dies(void (*how)(void)) {
  pid_t child = must(fork());
  if (!child) {
    how();
    _exit(9);
  }
  int status = wait_for(child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

int main(void) {
  places();
  floating();
  changed();
  restarts();
  say("bad frames: %d, %d, %d", dies(bad_frame), dies(bad_rt_frame), dies(half_a_frame));
  return 0;
}
