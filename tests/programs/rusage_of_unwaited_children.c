/* Only children that were waited for count: not the auto-reaped, not an orphan, not what a child's ignored child used. */
#include "check.h"

static long cpu_us(int who) {
  struct rusage r;
  must(getrusage(who, &r));
  return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
}
static void burn(long us) {
  volatile unsigned n = 0;
  alarm(100); /* with a clock that runs, instructions take time inside too */
  long start = cpu_us(RUSAGE_SELF);
  while (cpu_us(RUSAGE_SELF) - start < us)
    for (int i = 0; i < 20000; i++) n++;
}

int main(void) {
  pid_t child;
  CHILD(child) {
    on_signal(SIGCHLD, SIG_IGN);
    pid_t grandchild;
    CHILD(grandchild) {
      burn(8000);
      _exit(0);
    }
    waitpid(grandchild, NULL, 0);
    _exit(0);
  }
  wait_for(child);
  say("an ignored grandchild is not counted: %d", cpu_us(RUSAGE_CHILDREN) < 7000);
  on_signal_flags(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
  CHILD(child) {
    burn(8000);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  say("nor a child with SA_NOCLDWAIT: %d", cpu_us(RUSAGE_CHILDREN) < 7000);
  on_signal(SIGCHLD, SIG_DFL);
  CHILD(child) {
    burn(8000);
    _exit(0);
  }
  must(waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT));
  say("nor one that was only looked at: %d", cpu_us(RUSAGE_CHILDREN) < 7000);
  struct rusage r;
  must(syscall(SYS_waitid, P_PID, child, NULL, WEXITED, &r));
  say("waitid tells: %d", (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_usec >= 8000);
  say("now it is counted: %d", cpu_us(RUSAGE_CHILDREN) >= 8000);
  CHILD(child) {
    say("a new child's own and children's times are 0: %d %d", cpu_us(RUSAGE_SELF) < 7000, cpu_us(RUSAGE_CHILDREN) == 0);
    _exit(0);
  }
  wait_for(child);
  return 0;
}
