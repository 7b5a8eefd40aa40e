/* A bad pointer gives EFAULT and nothing else happens, in every call that takes one. */
#include "check.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#define BAD 0x10L
#define TRY(name, ...) show(#name, syscall(SYS_##name, __VA_ARGS__))

int main(void) {
  int p[2];
  must(pipe(p));
  must(write(p[1], "data", 4));
  struct timespec now = { 0, 0 };
  TRY(read, p[0], BAD, 4);
  TRY(write, p[1], BAD, 4);
  TRY(write, p[1], 0xffff800000000000, 4);
  TRY(open, BAD, O_RDONLY);
  TRY(stat, BAD, BAD);
  TRY(stat, "/", BAD);
  TRY(fstat, 1, BAD);
  TRY(access, BAD, 0);
  TRY(pipe, BAD);
  TRY(getcwd, BAD, 100);
  TRY(chdir, BAD);
  TRY(poll, BAD, 1, 0);
  TRY(select, 1, BAD, 0, 0, 0);
  TRY(uname, BAD);
  TRY(gettimeofday, BAD, 0);
  TRY(clock_gettime, CLOCK_MONOTONIC, BAD);
  TRY(nanosleep, BAD, 0);
  TRY(nanosleep, &now, BAD);
  TRY(rt_sigaction, SIGUSR1, BAD, 0, 8);
  TRY(rt_sigaction, SIGUSR1, 0, BAD, 8);
  TRY(rt_sigprocmask, SIG_BLOCK, BAD, 0, 8);
  TRY(rt_sigprocmask, SIG_BLOCK, 0, BAD, 8);
  TRY(rt_sigpending, BAD, 8);
  TRY(rt_sigtimedwait, BAD, 0, &now, 8);
  TRY(sigaltstack, 0, BAD);
  TRY(getitimer, ITIMER_REAL, BAD);
  TRY(setitimer, ITIMER_REAL, BAD, 0);
  TRY(getrlimit, RLIMIT_NOFILE, BAD);
  TRY(setrlimit, RLIMIT_NOFILE, BAD);
  TRY(getrusage, RUSAGE_SELF, BAD);
  TRY(times, BAD);
  TRY(sysinfo, BAD);
  TRY(getresuid, BAD, BAD, BAD);
  TRY(getgroups, 0, BAD);
  TRY(futex, BAD, F_WAIT, 0, 0, 0, 0);
  TRY(futex, BAD, F_WAKE, 1, 0, 0, 0);
  TRY(sched_getparam, 0, BAD);
  TRY(sched_getaffinity, 0, 128, BAD);
  TRY(readlink, "/proc/self/exe", BAD, 10);
  TRY(prctl, PR_SET_NAME, BAD);
  TRY(prctl, PR_GET_NAME, BAD);
  TRY(execve, "/bin/true", BAD, 0);
  TRY(wait4, -1, BAD, WNOHANG, 0);
  TRY(readv, p[0], BAD, 1);
  struct iovec half[2] = { { &now, 2 }, { (void *)BAD, 2 } };
  TRY(readv, p[0], half, 2);
  TRY(arch_prctl, 0x1003, BAD);
  TRY(getpriority, PRIO_PROCESS, 0);
  return 0;
}
