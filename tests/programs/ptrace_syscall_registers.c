/* System calls under trace: registers at both stops and behind, calls that are changed, skipped, or made up. */
// differs: in 3.2 cx is -1 in and behind a traced call; later it is where the call returns to
#include "ptrace.h"

#include <linux/seccomp.h>
#include <sys/uio.h>

#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31
#define PTRACE_SYSEMU_SINGLESTEP 32
#endif
static long cx, r11;
static long call(long nr, long a, long b) {
  long r;
  __asm__ volatile("syscall" : "=a"(r), "=c"(cx), "=d"(r11) : "a"(nr), "D"(a), "S"(b) : "r11", "memory");
  __asm__ volatile("mov %%r11, %0" : "=r"(r11));
  return r;
}
static int fds[2];
static void calls(void) {
  long r = call(SYS_getuid, 0, 0);
  say("getuid %d, cx -1 %d", r == getuid(), cx == -1);
  static char no[8] = "no\n";
  say("write of other bytes: %ld", call(SYS_write, 1, (long)no));
  say("made up: %ld", call(-1, 0, 0));
  say("skipped: %ld", call(SYS_getpid, 0, 0));
  say("another: %d", call(SYS_getppid, 0, 0) == getpid());
  say("beyond: %ld", call(312, 0, 0));
  say("far beyond: %ld", call(SYS_getpid | 1L << 32, 0, 0));
  say("waited: %ld", call(SYS_pause, 0, 0));
}
static void nothing(int s) { (void)s; }
static void interrupted(void) {
  on_signal(SIGUSR1, nothing);
  char byte;
  say("read: %ld", syscall(SYS_read, fds[0], &byte, 1));
  say("pause: %ld", syscall(SYS_pause));
}
static void show_stop(pid_t pid, const char *what, int s) {
  if (!WIFSTOPPED(s)) {
    say("  %s: %s", what, wait_str(s));
    return;
  }
  struct user_regs_struct r = regs_of(pid);
  siginfo_t info = info_of(pid);
  long code = ptrace(PTRACE_PEEKTEXT, pid, r.rip - 2, 0) & 0xffff;
  say("  %s: %s, code %#x, orig_rax %lld, rax %lld, cx -1 %d, behind a call %d", what, wait_str(s), info.si_code, (long long)r.orig_rax,
      (long long)r.rax == pid ? -1 : (long long)r.rax, r.rcx == -1ULL, code == 0x050f);
}
static void run_calls(void) {
  pid_t pid = start_tracee(calls);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  long number = 0;
  int in = 0;
  for (;;) {
    int s = resume(pid, PTRACE_SYSCALL, 0);
    if (!WIFSTOPPED(s)) {
      say("  %s", wait_str(s));
      break;
    }
    if (WSTOPSIG(s) != (SIGTRAP | 0x80)) {
      show_stop(pid, "signal", s);
      continue;
    }
    in = !in;
    if (in) number = peek_user(pid, REG(orig_rax));
    if (number == SYS_write && in && ptrace(PTRACE_PEEKDATA, pid, peek_user(pid, REG(rsi)), 0) << 40 == (long)('n' | 'o' << 8 | '\n' << 16) << 40) {
      must(ptrace(PTRACE_POKEDATA, pid, peek_user(pid, REG(rsi)), (long)'y' | 'e' << 8 | 's' << 16 | (long)'\n' << 24));
      must(poke_user(pid, REG(rdx), 4));
    }
    if (number == SYS_write) continue;
    show_stop(pid, in ? "in" : "out", s);
    if (in && number == -1) must(poke_user(pid, REG(rax), 55));
    if (in && number == SYS_getpid) must(poke_user(pid, REG(orig_rax), -1UL));
    if (in && number == SYS_getppid) must(poke_user(pid, REG(orig_rax), SYS_getpid));
    if (in && number == SYS_pause) kill(pid, SIGCONT);
    if (!in && number == SYS_pause) must(poke_user(pid, REG(rax), 12));
  }
}
static void run_interrupted(void) {
  must(pipe(fds));
  pid_t pid = start_tracee(interrupted);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  for (;;) {
    must(ptrace(PTRACE_SYSCALL, pid, 0, 0));
    if (state_of(pid) != 't') {
      int s;
      for (int tries = 0; tries < 100 && !waitpid(pid, &s, WNOHANG); tries++) sleep_ms(2);
      if (state_of(pid) == 'S') {
        kill(pid, SIGUSR1);
        show_stop(pid, "after a signal", wait_for(pid));
        show_stop(pid, "the signal", resume(pid, PTRACE_SYSCALL, 0));
        break;
      }
    }
  }
  show_stop(pid, "again", resume(pid, PTRACE_SYSCALL, 0));
  must(poke_user(pid, REG(orig_rax), -1UL));
  end_tracee(pid);
}
/* cx of a call that a signal has broken off, seen in the set. */
static void run_seen_in_the_set(void) {
  pid_t pid = start_tracee(interrupted);
  must(ptrace(PTRACE_CONT, pid, 0, 0));
  wait_asleep(pid);
  kill(pid, SIGUSR1);
  wait_for(pid);
  struct user_regs_struct r;
  struct iovec all = {&r, sizeof r};
  must(ptrace(PTRACE_GETREGSET, pid, 1, &all));
  say("  in the set: orig_rax %d, cx -1 %d", (int)r.orig_rax, r.rcx == -1ULL);
  end_tracee(pid);
}
static void emulated(void) {
  long r = call(SYS_getpid, 0, 0);
  __asm__ volatile("nop; nop; nop");
  say("emulated: %ld", r);
}
static void run_emulated(void) {
  pid_t pid = start_tracee(emulated);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  show_stop(pid, "sysemu", resume(pid, PTRACE_SYSEMU, 0));
  must(poke_user(pid, REG(rax), 4711));
  show_stop(pid, "then syscall", resume(pid, PTRACE_SYSCALL, 0));
  show_stop(pid, "then a step", resume(pid, PTRACE_SINGLESTEP, 0));
  say("%s", wait_str(resume(pid, PTRACE_CONT, 0)));

  pid = start_tracee(emulated);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
  long ip = 0;
  for (int i = 0; i < 300; i++) {
    int s = resume(pid, PTRACE_SYSEMU_SINGLESTEP, 0);
    if (WSTOPSIG(s) == SIGTRAP) continue;
    show_stop(pid, "sysemu, stepping", s);
    ip = peek_user(pid, REG(rip));
    s = resume(pid, PTRACE_SYSEMU_SINGLESTEP, 0);
    say("  next: %s, code %d, %d behind it", wait_str(s), info_of(pid).si_code, peek_user(pid, REG(rip)) > ip);
    break;
  }
  end_tracee(pid);
}
static void strict(void) {
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
  call(SYS_getpid, 0, 0);
}
static void run_strict(void) {
  pid_t pid = start_tracee(strict);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT));
  resume(pid, PTRACE_SYSCALL, 0);
  resume(pid, PTRACE_SYSCALL, 0);
  for (;;) {
    int s = resume(pid, PTRACE_SYSCALL, 0);
    show_stop(pid, "strict", s);
    if (!WIFSTOPPED(s)) break;
    unsigned long message = 0;
    must(ptrace(PTRACE_GETEVENTMSG, pid, 0, &message));
    say("  event %d, message %lu", s >> 16, message);
  }
}
static void execs(void) { execl("/proc/self/exe", "executed", NULL); }
static void forks(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, NULL, 0);
}
static void run_events(void) {
  int s;
  pid_t pid = start_tracee(execs);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC));
  show_stop(pid, "exec", resume(pid, PTRACE_CONT, 0));
  show_stop(pid, "its end", resume(pid, PTRACE_SYSCALL, 0));
  s = resume(pid, PTRACE_SYSCALL, 0);
  say("  the next call: %s, rax %ld", wait_str(s), peek_user(pid, REG(rax)));
  end_tracee(pid);

  pid = start_tracee(execs);
  show_stop(pid, "exec without the event", resume(pid, PTRACE_CONT, 0));
  show_stop(pid, "one step", resume(pid, PTRACE_SINGLESTEP, 0));
  end_tracee(pid);

  pid = start_tracee(forks);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK));
  s = resume(pid, PTRACE_CONT, 0);
  unsigned long child;
  must(ptrace(PTRACE_GETEVENTMSG, pid, 0, &child));
  struct user_regs_struct r = regs_of(pid);
  say("  fork: %s, cx -1 %d", wait_str(s), r.rcx == -1ULL);
  s = resume(pid, PTRACE_SYSCALL, 0);
  r = regs_of(pid);
  say("  its end: %s, rax is the child %d", wait_str(s), r.rax == child);
  must(waitpid((pid_t)child, &s, __WALL));
  r = regs_of((pid_t)child);
  say("  the child: %s, rax %lld", wait_str(s), (long long)r.rax);
  s = resume((pid_t)child, PTRACE_SYSCALL, 0);
  say("  its first call: %s, rax %ld", wait_str(s), peek_user((pid_t)child, REG(rax)));
  end_tracee((pid_t)child);
  end_tracee(pid);

  pid = start_tracee(forks);
  must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  s = resume(pid, PTRACE_CONT, 0);
  s = resume(pid, PTRACE_SINGLESTEP, 0);
  say("  fork, one step: %s, code %d", wait_str(s), info_of(pid).si_code);
  end_tracee(pid);
}

int main(int argc, char **argv) {
  (void)argc;
  if (!strcmp(argv[0], "executed")) return 0;
  say("calls");
  run_calls();
  say("interrupted");
  run_interrupted();
  run_seen_in_the_set();
  say("emulated");
  run_emulated();
  say("strict");
  run_strict();
  say("events");
  run_events();
  return 0;
}
