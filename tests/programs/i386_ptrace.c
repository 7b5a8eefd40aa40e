/* A 32-bit tracer of a 32-bit program: words, registers one by one and in sets, steps, system calls. */
// needs: i386
// differs: later kernels show DR6 as a CPU has it after a reset
#include "trace.h"
#include <sys/uio.h>
#include <sys/user.h>
#include <ucontext.h>

static volatile int word = 0x12345678;
static volatile int text[2] = {1, 2};

static long peekusr(pid_t pid, unsigned long offset) {
  long value = 0x55555555;
  long result = trace(PTRACE_PEEKUSER, pid, offset, (unsigned long)&value);
  return result ? result : value;
}

static void registers(pid_t pid) {
  struct user_regs_struct regs;
  must(trace(PTRACE_GETREGS, pid, 0, (unsigned long)&regs));
  say("sizes: %zu in all, %zu of struct user", sizeof regs, sizeof(struct user));
  say("eax %ld orig_eax %ld cs %lx ds %lx es %lx ss %lx fs %lx", regs.eax, regs.orig_eax, regs.xcs & 0xffff,
      regs.xds & 0xffff, regs.xes & 0xffff, regs.xss & 0xffff, regs.xfs & 0xffff);
  say("one by one: %d %d %d", peekusr(pid, 4 * 12) == regs.eip, peekusr(pid, 4 * 15) == regs.esp,
      peekusr(pid, 4 * 14) == regs.eflags);
  show("at 2", peekusr(pid, 2));
  show("at 284", peekusr(pid, 284));
  show("at 288", peekusr(pid, 288));
  show("u_tsize", peekusr(pid, 180));
  show("dr6", peekusr(pid, 252 + 4 * 6));
  show("cs of 0", trace(PTRACE_POKEUSER, pid, 4 * 13, 0));
  show("ds of 8", trace(PTRACE_POKEUSER, pid, 4 * 7, 8));
  show("dr4", trace(PTRACE_POKEUSER, pid, 252 + 16, 1));
  show("u_tsize", trace(PTRACE_POKEUSER, pid, 180, 1));
}

static void sets(pid_t pid) {
  char room[1024];
  struct iovec iov = {room, sizeof room};
  must(trace(PTRACE_GETREGSET, pid, 1, (unsigned long)&iov));
  say("NT_PRSTATUS: %zu", iov.iov_len);
  iov.iov_len = sizeof room;
  must(trace(PTRACE_GETREGSET, pid, 2, (unsigned long)&iov));
  say("NT_PRFPREG: %zu, control %x", iov.iov_len, *(unsigned *)room);
  iov.iov_len = sizeof room;
  must(trace(PTRACE_GETREGSET, pid, 0x46e62b7f, (unsigned long)&iov));
  say("NT_PRXFPREG: %zu, control %x", iov.iov_len, *(unsigned short *)room);
  iov.iov_len = sizeof room;
  must(trace(PTRACE_GETREGSET, pid, 0x200, (unsigned long)&iov));
  say("NT_386_TLS: %zu, entries %d %d %d", iov.iov_len, ((int *)room)[0], ((int *)room)[4], ((int *)room)[8]);
  iov.iov_len = 6;
  show("a length of 6", trace(PTRACE_GETREGSET, pid, 1, (unsigned long)&iov));
  struct user_fpregs_struct fp;
  must(trace(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp));
  say("GETFPREGS: control %lx status %lx tags %lx", fp.cwd, fp.swd, fp.twd);
  struct user_fpxregs_struct fpx;
  must(trace(PTRACE_GETFPXREGS, pid, 0, (unsigned long)&fpx));
  say("GETFPXREGS: control %x mxcsr %lx", fpx.cwd, fpx.mxcsr);
}

static void memory(pid_t pid) {
  long value = 0;
  must(trace(PTRACE_PEEKDATA, pid, (unsigned long)&word, (unsigned long)&value));
  say("a word: %lx", value);
  unsigned words[2] = {0, 0x77777777};
  must(trace(PTRACE_PEEKTEXT, pid, (unsigned long)&word, (unsigned long)words));
  say("the same as text: %x, behind it %x", words[0], words[1]);
  must(trace(PTRACE_POKEDATA, pid, (unsigned long)&word, 77));
  must(trace(PTRACE_POKEDATA, pid, (unsigned long)text, 3));
  must(trace(PTRACE_POKETEXT, pid, (unsigned long)text, 4));
  show("nothing there", trace(PTRACE_PEEKDATA, pid, 16, (unsigned long)&value));
  show("no place for it", trace(PTRACE_PEEKDATA, pid, (unsigned long)&word, 16));
  siginfo_t info;
  must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
  say("siginfo: signal %d code %d", info.si_signo, info.si_code);
}

static void events(pid_t pid) {
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
  cont(pid, 0);
  next_stop("it clones", pid);
  unsigned child[2] = {0, 0x77777777};
  must(trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)child));
  say("a child: %d, behind its number %x", child[0] > 0, child[1]);
  next_stop("the child", (pid_t)child[0]);
  kill((pid_t)child[0], SIGKILL);
  next_stop("its end", (pid_t)child[0]);
  must(trace(PTRACE_SYSCALL, pid, 0, 0));
  next_stop("the call's end", pid);
  unsigned regs[64];
  struct iovec iov = {regs, ~3ul};
  must(trace(PTRACE_GETREGSET, pid, 1, (unsigned long)&iov));
  say("NT_PRSTATUS, into all there is: %zu", iov.iov_len);
}

static void calls(pid_t pid) {
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  must(trace(PTRACE_SYSCALL, pid, 0, 0));
  next_stop("entry", pid);
  say("orig_eax %ld eax %s", peekusr(pid, 44), errname(-peekusr(pid, 24)));
  must(trace(PTRACE_POKEUSER, pid, 44, 20));
  must(trace(PTRACE_SYSCALL, pid, 0, 0));
  next_stop("exit", pid);
  say("getpid in its place: %d", peekusr(pid, 24) == pid);
  must(trace(PTRACE_POKEUSER, pid, 24, 5));
  must(trace(PTRACE_SINGLESTEP, pid, 0, 0));
  next_stop("step", pid);
  int steps = 0;
  while (steps < 100000) {
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0));
    int status = wait_trace(pid);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
      say("many steps %d, then %s", steps > 5, trace_str(status));
      break;
    }
    steps++;
  }
}

static volatile int saved_flags[2];
static void plain(int sig) {
  (void)sig;
  saved_flags[0] = ((volatile int *)__builtin_frame_address(0))[3 + 16]; /* behind the signal is a struct sigcontext */
}
static void with_info(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  saved_flags[1] = ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
}
static void takes_steps(void) {
  on_signal(SIGUSR1, plain);
  on_siginfo(SIGUSR2, with_info, 0);
  raise(SIGUSR1);
  raise(SIGUSR2);
  _exit((saved_flags[0] >> 8 & 1) + 2 * (saved_flags[1] >> 8 & 1) + 4 * (saved_flags[0] >> 9 & 1));
}
/* The trap flag of a step into a handler is not the program's to save. */
static void handlers(void) {
  pid_t pid = start_traced(takes_steps);
  cont(pid, 0);
  for (int sig = SIGUSR1; sig <= SIGUSR2; sig += SIGUSR2 - SIGUSR1) {
    pass_stop(pid, sig);
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0));
    next_stop("a step without the signal", pid);
    kill(pid, sig);
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0));
    pass_stop(pid, sig);
    must(trace(PTRACE_SINGLESTEP, pid, 0, (unsigned long)sig));
    next_stop("a step into its handler", pid);
    cont(pid, 0);
  }
  next_stop("trap flags that were saved", pid);
}

int main(void) {
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    must(raise(SIGUSR1));
    if (must(clone_fork(0)) == 0) _exit(0);
    long result = syscall(SYS_getppid);
    _exit(result == 5 && word == 77 && text[0] == 4 && text[1] == 2 ? 3 : 4);
  }
  next_stop("begin", pid);
  registers(pid);
  sets(pid);
  memory(pid);
  events(pid);
  calls(pid);
  handlers();
  return 0;
}
