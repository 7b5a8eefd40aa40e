/* CPU time of children is added to the parent when it waits for them, and not before; grandchildren come along. */
#include "check.h"

static long user_us(int who) {
  struct rusage r;
  must(getrusage(who, &r));
  return r.ru_utime.tv_sec * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_sec * 1000000L + r.ru_stime.tv_usec;
}
static void burn(long us) {
  volatile unsigned n = 0;
  long start = user_us(RUSAGE_SELF);
  while (user_us(RUSAGE_SELF) - start < us)
    for (int i = 0; i < 2000; i++) n++;
}

int main(void) {
  pid_t child;
  struct rusage r;
  say("children at first: %ld", user_us(RUSAGE_CHILDREN));
  CHILD(child) {
    pid_t grandchild;
    CHILD(grandchild) {
      burn(20000);
      _exit(0);
    }
    wait_for(grandchild);
    burn(20000);
    _exit(0);
  }
  wait_state(child, "Z");
  say("before wait: %ld", user_us(RUSAGE_CHILDREN));
  must(wait4(child, NULL, 0, &r));
  long got = r.ru_utime.tv_sec * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_sec * 1000000L + r.ru_stime.tv_usec;
  say("wait4 tells both: %d", got >= 39000);
  say("so does RUSAGE_CHILDREN: %d", user_us(RUSAGE_CHILDREN) >= 39000);
  say("faults are there: %d", r.ru_minflt > 0);
  CHILD(child) {
    burn(20000);
    _exit(0);
  }
  on_signal(SIGCHLD, SIG_IGN);
  long before = user_us(RUSAGE_CHILDREN);
  show("ignored child", waitpid(child, NULL, 0));
  say("is not counted: %d", user_us(RUSAGE_CHILDREN) == before);
  show("RUSAGE_THREAD", getrusage(RUSAGE_THREAD, &r));
  show("bad who", syscall(SYS_getrusage, 5, &r));
  show("bad pointer", syscall(SYS_getrusage, 0, 8));
  return 0;
}
