/* Signals of a 32-bit program: both kinds of frame, what they hold, and what sigreturn takes from them. */
// needs: i386
#include "check.h"
#include <ucontext.h>

static volatile int count;

static void plain(int sig) { count += sig; }

static void with_info(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *regs = uc->uc_mcontext.gregs;
  printf("signal %d code %d from me %d\n", sig, info->si_code, info->si_pid == getpid());
  printf("cs %x ss %x ds %x es %x\n", regs[REG_CS] & 0xffff, regs[REG_SS] & 0xffff, regs[REG_DS] & 0xffff,
         regs[REG_ES] & 0xffff);
  printf("sp as at the signal %d, floating point state %d\n", regs[REG_ESP] == regs[REG_UESP],
         uc->uc_mcontext.fpregs != NULL);
}

static void skips(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *regs = uc->uc_mcontext.gregs;
  printf("signal %d code %d address right %d trap %d error %d cr2 %lx\n", sig, info->si_code,
         info->si_addr == (sig == SIGSEGV ? (void *)0x24 : (void *)regs[REG_EIP]), regs[REG_TRAPNO], regs[REG_ERR],
         uc->uc_mcontext.cr2);
  regs[REG_EIP] += 2;
  regs[REG_EAX] = 77;
}

static void on_stack(int sig) {
  stack_t old;
  char here;
  (void)sig;
  must(sigaltstack(NULL, &old));
  printf("on the other stack %d, flags %d\n", &here > (char *)old.ss_sp && &here < (char *)old.ss_sp + old.ss_size,
         old.ss_flags);
}

static void uses_fpu(int sig) {
  (void)sig;
  volatile long double x = 3;
  for (int i = 0; i < 10; i++) x = x * x / 2;
  unsigned short control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  printf("control word in a handler %x\n", control);
}

static void masks(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  sigset_t now;
  (void)sig, (void)info;
  sigprocmask(SIG_BLOCK, NULL, &now);
  printf("blocked in the handler: USR1 %d, 40 %d; before: USR1 %d, 40 %d\n", sigismember(&now, SIGUSR1),
         sigismember(&now, 40), sigismember(&uc->uc_sigmask, SIGUSR1), sigismember(&uc->uc_sigmask, 40));
  sigaddset(&uc->uc_sigmask, 41);
}

static void install(int sig, void *handler, int flags, int blocked) {
  struct sigaction sa = {.sa_flags = flags};
  if (flags & SA_SIGINFO)
    sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
  else
    sa.sa_handler = (void (*)(int))handler;
  sigemptyset(&sa.sa_mask);
  if (blocked) sigaddset(&sa.sa_mask, blocked);
  must(sigaction(sig, &sa, NULL));
}

static void frames(void) {
  install(SIGUSR1, plain, 0, 0);
  must(kill(getpid(), SIGUSR1));
  printf("plain handler: %d\n", count);
  install(SIGUSR2, with_info, SA_SIGINFO, 0);
  must(kill(getpid(), SIGUSR2));
  install(SIGSEGV, skips, SA_SIGINFO, 0);
  int value;
  __asm__ volatile("movl (%1), %0" : "=a"(value) : "c"(0x24));
  printf("went on behind it with %d\n", value);
  install(SIGFPE, skips, SA_SIGINFO, 0);
  __asm__ volatile("idivl %1" : "=a"(value) : "c"(0), "a"(5), "d"(0));
  printf("and with %d\n", value);
}

static void stacks(void) {
  static char room[65536];
  stack_t ss = {.ss_sp = room, .ss_size = sizeof room};
  must(sigaltstack(&ss, NULL));
  install(SIGUSR1, on_stack, SA_ONSTACK, 0);
  must(kill(getpid(), SIGUSR1));
  must(sigaltstack(NULL, &ss));
  printf("afterwards flags %d\n", ss.ss_flags);
}

static void state(void) {
  unsigned short control = 0x27f, after;
  install(SIGUSR1, uses_fpu, 0, 0);
  __asm__ volatile("fldcw %0; fld1; fldpi" : : "m"(control));
  raise(SIGUSR1);
  long double pi, one;
  __asm__ volatile("fstpt %0; fstpt %1; fnstcw %2" : "=m"(pi), "=m"(one), "=m"(after));
  printf("x87 registers %d, control word %x\n", (int)((pi + one) * 1000), after);
  float x[4] = {1, 2, 3, 4}, y[4];
  __asm__ volatile("movups %0, %%xmm5" : : "m"(x) : "xmm5");
  raise(SIGUSR1);
  __asm__ volatile("movups %%xmm5, %0" : "=m"(y));
  printf("xmm5 %g %g %g %g\n", y[0], y[1], y[2], y[3]);
}

static void blocking(void) {
  sigset_t now;
  install(SIGUSR2, masks, SA_SIGINFO, 40);
  sigemptyset(&now);
  sigaddset(&now, SIGUSR1);
  must(sigprocmask(SIG_SETMASK, &now, NULL));
  raise(SIGUSR2);
  sigprocmask(SIG_BLOCK, NULL, &now);
  printf("afterwards: USR1 %d, 40 %d, 41 %d\n", sigismember(&now, SIGUSR1), sigismember(&now, 40),
         sigismember(&now, 41));
}

static int dies(void (*how)(void)) {
  int status;
  fflush(stdout);
  pid_t child = must(fork());
  if (!child) {
    how();
    _exit(9);
  }
  must(waitpid(child, &status, 0));
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void bad_frame(void) {
  __asm__ volatile("movl $0x1000, %esp; movl $119, %eax; int $0x80");
}

static void bad_rt_frame(void) {
  __asm__ volatile("movl $0x1000, %esp; movl $173, %eax; int $0x80");
}

static void no_stack(void) {
  signal(SIGUSR1, plain);
  __asm__ volatile("movl $20, %%eax; int $0x80; movl %%eax, %%ebx; movl $10, %%ecx; movl $0x1000, %%esp;"
                   "movl $37, %%eax; int $0x80" : : : "eax", "ebx", "ecx");
}

int main(void) {
  frames();
  stacks();
  state();
  blocking();
  printf("sigreturn without a frame %d, rt_sigreturn %d, a handler without a stack %d\n", dies(bad_frame),
         dies(bad_rt_frame), dies(no_stack));
  return 0;
}
