/* ptrace.h: what programs about ptrace share. */
#ifndef TRACING_H
#define TRACING_H
#include "check.h"
#include <sys/ptrace.h>
#include <sys/user.h>

#define REG(name) offsetof(struct user, regs.name)
#define DR(n) offsetof(struct user, u_debugreg[n])

static inline long peek_user(pid_t pid, size_t offset) { return ptrace(PTRACE_PEEKUSER, pid, offset, 0); }
static inline long poke_user(pid_t pid, size_t offset, unsigned long value) { return ptrace(PTRACE_POKEUSER, pid, offset, value); }
static inline struct user_regs_struct regs_of(pid_t pid) {
  struct user_regs_struct r;
  must(ptrace(PTRACE_GETREGS, pid, 0, &r));
  return r;
}
static inline siginfo_t info_of(pid_t pid) {
  siginfo_t info = {0};
  must(ptrace(PTRACE_GETSIGINFO, pid, 0, &info));
  return info;
}
/* A child that runs f() after a SIGSTOP for us. */
static inline pid_t start_tracee(void (*f)(void)) {
  pid_t pid;
  CHILD(pid) {
    must(ptrace(PTRACE_TRACEME, 0, 0, 0));
    kill(getpid(), SIGSTOP);
    f();
    _exit(0);
  }
  wait_for(pid);
  return pid;
}
static inline int resume(pid_t pid, int request, int sig) {
  must(ptrace(request, pid, 0, (long)sig));
  return wait_for(pid);
}
static inline void end_tracee(pid_t pid) {
  kill(pid, SIGKILL);
  wait_for(pid);
}
#endif
