/* A child has its parent's CPU affinity; a later change is its own; a mask without a CPU is refused. */
#include "check.h"

int main(void) {
  cpu_set_t set, got;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  must(sched_setaffinity(0, sizeof set, &set));
  pid_t child;
  CHILD(child) {
    must(sched_getaffinity(0, sizeof got, &got));
    say("child: same %d", CPU_EQUAL(&set, &got));
    char *args[] = { "sh", "-c", "grep ^Cpus_allowed_list: /proc/self/status", NULL };
    execv("/bin/sh", args);
  }
  wait_for(child);
  CPU_ZERO(&set);
  show("no CPU", sched_setaffinity(0, sizeof set, &set));
  show("nobody", sched_setaffinity(30000, sizeof set, &set));
  show("too small to read", syscall(SYS_sched_getaffinity, 0, 1, &got));
  show("not whole words", syscall(SYS_sched_getaffinity, 0, 12, &got));
  show("bad pointer", syscall(SYS_sched_setaffinity, 0, 8, 8));
  return 0;
}
