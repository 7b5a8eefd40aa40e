/* A call that a signal is delivered behind loses cx, which otherwise says where it has returned to. */
// differs: later kernels keep cx
#include "check.h"
#include <ucontext.h>

static void handler(int s, siginfo_t *info, void *context) {
  (void)info;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  say("signal %d: cx -1 %d", s, r[REG_RCX] == -1);
}
static void call(const char *what, long nr, long a, long b) {
  long r = nr, cx, ip;
  __asm__ volatile("syscall; 1: lea 1b(%%rip), %2" : "+a"(r), "=c"(cx), "=&r"(ip) : "D"(a), "S"(b) : "r11", "memory");
  say("%s: %ld, cx %s", what, r, cx == ip ? "where it returned to" : cx == -1 ? "-1" : "?");
}
int main(void) {
  on_siginfo(SIGUSR1, handler, 0);
  on_siginfo(SIGALRM, handler, SA_RESTART);
  call("no signal", SYS_getuid, 0, 0);
  call("a signal", SYS_kill, getpid(), SIGUSR1);
  struct itimerval t = { .it_value.tv_usec = 10000 };
  setitimer(ITIMER_REAL, &t, NULL);
  struct timespec sleep = { 0, 30000000 };
  call("interrupted", SYS_nanosleep, (long)&sleep, 0);
  return 0;
}
