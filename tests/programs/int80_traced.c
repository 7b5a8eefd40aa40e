/* System calls by int $0x80 from 64-bit code, as a tracer, seccomp and signals meet them. */
// differs: in 3.2 r8 to r11 are 0 (kept since 4.17), and RESTARTBLOCK puts 64-bit restart_syscall's number in rax,
// which is i386's madvise
#include "ptrace.h"
#include <sys/prctl.h>

static long int80(unsigned long nr, unsigned long b, unsigned long c, unsigned long d) {
  long r;
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(b), "c"(c), "d"(d) : "r8", "r9", "r10", "r11", "memory");
  return r;
}
static char *low;

static void some_calls(void) {
  int80(20, 0x1122334455667788, 2, 3);
  int80(4, 1, (unsigned long)low, 4);
  int80(9999, 1, 2, 3);
  int80(1, 7, 0, 0);
}
static void one_call(void) { _exit(int80(20, 0, 0, 0) == getpid() ? 1 : (int)int80(20, 0, 0, 0) & 0x7f); }
static void show_regs(const char *what, pid_t pid) {
  struct user_regs_struct r = regs_of(pid);
  long text = ptrace(PTRACE_PEEKTEXT, pid, r.rip - 2, 0);
  say("%s: orig_rax %ld rax %s rbx %llx rcx %llx r8 %llx r11 %llx, behind %lx", what, (long)r.orig_rax,
      (long)r.rax > 4000 || (pid_t)r.rax == pid ? "pid" : errname((int)-(long)r.rax), r.rbx, r.rcx > 0xffffff ? 0x999 : r.rcx, r.r8, r.r11, text & 0xffff);
}

static void stops(void) {
  say("-- stops");
  strcpy(low, "low\n");
  pid_t pid = start_tracee(some_calls);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  for (;;) {
    int status = resume(pid, PTRACE_SYSCALL, 0);
    if (!WIFSTOPPED(status)) {
      say("%s", wait_str(status));
      break;
    }
    show_regs(wait_str(status), pid);
  }
}

static void changed(const char *what, unsigned long nr, unsigned long rax) {
  pid_t pid = start_tracee(one_call);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  resume(pid, PTRACE_SYSCALL, 0);
  poke_user(pid, REG(orig_rax), nr);
  if (rax) poke_user(pid, REG(rax), rax);
  resume(pid, PTRACE_SYSCALL, 0);
  struct user_regs_struct r = regs_of(pid);
  long rax_after = (int)r.rax;
  say("%s: %s", what, rax_after == getpid() ? "the parent" : errname((int)-rax_after));
  end_tracee(pid);
}

static volatile int handled;
static void on_usr1(int sig) { handled += sig > 0; }
static void sleeps(void) {
  on_signal(SIGUSR1, on_usr1);
  unsigned *t = (unsigned *)low;
  t[0] = 0, t[1] = 30000000, t[2] = t[3] = 77;
  say("nanosleep: %ld", int80(162, (unsigned long)t, (unsigned long)(t + 2), 0));
  say("left: %d", t[2] == 0 && t[3] <= 30000000);
}

static void steps(void) {
  __asm__ volatile("int $0x80; nop; nop; nop" : : "a"(20ul) : "r8", "r9", "r10", "r11", "memory");
  _exit(0);
}

static void restarts(void) {
  say("-- restarts");
  pid_t pid;
  CHILD(pid) {
    sleeps();
    _exit(0);
  }
  wait_asleep(pid);
  kill(pid, SIGSTOP);
  must(waitpid(pid, NULL, WUNTRACED));
  kill(pid, SIGCONT);
  say("%s", reap(pid));
  CHILD(pid) {
    on_signal_flags(SIGUSR1, on_usr1, 0);
    sleeps();
    _exit(0);
  }
  wait_asleep(pid);
  kill(pid, SIGUSR1);
  say("%s", reap(pid));
  int p[2];
  must(pipe(p));
  CHILD(pid) {
    on_signal_flags(SIGUSR1, on_usr1, SA_RESTART);
    long n = int80(3, p[0], (unsigned long)low, 5);
    say("read: %ld after %d", n, handled);
    _exit(0);
  }
  wait_asleep(pid);
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/syscall", pid);
  int fd = (int)must(open(path, O_RDONLY));
  long n = read(fd, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  int nr;
  unsigned long a, b, c;
  sscanf(text, "%d 0x%lx 0x%lx 0x%lx", &nr, &a, &b, &c);
  say("in call %d: %d %lu", nr, b == (unsigned long)low, c); /* bx is not in the frame of an untraced call */
  kill(pid, SIGUSR1);
  sleep_ms(5);
  must(write(p[1], "hello", 5));
  say("%s", reap(pid));
}

static void seccomp_child(long nr) {
  pid_t pid;
  CHILD(pid) {
    must(prctl(PR_SET_SECCOMP, 1));
    int80((unsigned long)nr, 1, (unsigned long)low, 0);
    int80(1, 3, 0, 0);
  }
  say("call %ld: %s", nr, reap(pid));
}

int main(void) {
  low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  stops();
  say("-- a changed number");
  changed("64", 64, 0);
  changed("a hole", 17, 0);
  changed("behind the end", 400, (unsigned long)-EDOM);
  changed("right behind it", 349, (unsigned long)-EDOM);
  changed("64 below an upper half", 0x100000040, (unsigned long)-EDOM);
  changed("-1", ~0ul, (unsigned long)-EDOM);
  restarts();
  say("-- steps");
  pid_t pid = start_tracee(steps);
  unsigned long begin = 0;
  for (int i = 0; i < 3000; i++) {
    if (!WIFSTOPPED(resume(pid, PTRACE_SINGLESTEP, 0))) break;
    unsigned long ip = (unsigned long)peek_user(pid, REG(rip));
    if (!begin && (ptrace(PTRACE_PEEKTEXT, pid, ip, 0) & 0xffff) == 0x80cd) begin = ip;
    else if (begin && ip > begin && ip - begin <= 5) say("%lu bytes on, si_code %d", ip - begin, info_of(pid).si_code);
    else if (begin) break;
  }
  end_tracee(pid);
  say("-- seccomp");
  seccomp_child(4);
  seccomp_child(20);
  seccomp_child(9999);
  seccomp_child(60);
}
