/* ptrace(): TRACEME, stop at exec, peek and poke, system-call stops, signals on their way, detach. */
#include "check.h"
#include <sys/ptrace.h>
#include <sys/user.h>

static volatile long cell = 0x1111;
static void handler(int sig) { say("  tracee handles %d", sig); }
static pid_t child;
static const char *next(long request, long sig) {
  must(ptrace((int)request, child, 0, sig));
  int status;
  must(waitpid(child, &status, 0));
  return wait_str(status);
}

int main(void) {
  int status;
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, handler);
  CHILD(child) {
    must(ptrace(PTRACE_TRACEME, 0, 0, 0));
    raise(SIGSTOP);
    say("  tracee's cell %lx", cell);
    raise(SIGUSR1);
    raise(SIGUSR2);
    syscall(SYS_getppid);
    _exit(12);
  }
  must(waitpid(child, &status, 0));
  say("first stop: %s, state %c", wait_str(status), state_of(child));
  say("peek %lx", ptrace(PTRACE_PEEKDATA, child, &cell, 0));
  show("poke", ptrace(PTRACE_POKEDATA, child, &cell, 0x2222));
  say("ours is still %lx", cell);
  say("before USR1: %s", next(PTRACE_CONT, 0));
  say("suppressed, before USR2: %s", next(PTRACE_CONT, 0));
  must(ptrace(PTRACE_SYSCALL, child, 0, SIGUSR2));
  int calls = 0, getppid_seen = 0;
  struct user_regs_struct r;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    must(ptrace(PTRACE_GETREGS, child, 0, &r));
    calls++;
    if (r.orig_rax == SYS_getppid) getppid_seen++;
    must(ptrace(PTRACE_SYSCALL, child, 0, 0));
  }
  say("system-call stops: %d, getppid twice: %d", calls > 4, getppid_seen == 2);
  say("%s", wait_str(status));
  show("nobody", ptrace(PTRACE_ATTACH, 30000, 0, 0));
  show("ourselves", ptrace(PTRACE_ATTACH, getpid(), 0, 0));
  CHILD(child) for (;;) pause();
  show("attach", ptrace(PTRACE_ATTACH, child, 0, 0));
  must(waitpid(child, &status, 0));
  say("%s", wait_str(status));
  show("detach", ptrace(PTRACE_DETACH, child, 0, 0));
  show("not traced any more", ptrace(PTRACE_CONT, child, 0, 0));
  kill(child, SIGKILL);
  say("%s", reap(child));
  return 0;
}
