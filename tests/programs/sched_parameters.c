/* sched_setparam, sched_rr_get_interval: a policy keeps its number, and says how long its turn is. */
#include "check.h"

int main(void) {
  struct sched_param zero = { .sched_priority = 0 }, one = { .sched_priority = 1 };
  struct timespec t = { -1, -1 };
  int pid = getpid();
  show("setparam 0", syscall(SYS_sched_setparam, 0, &zero));
  show("setparam 0, by number", syscall(SYS_sched_setparam, pid, &zero));
  show("setparam 1", syscall(SYS_sched_setparam, 0, &one));
  show("setparam, no pointer", syscall(SYS_sched_setparam, 0, NULL));
  show("setparam, bad pointer", syscall(SYS_sched_setparam, 0, 8));
  show("setparam, negative", syscall(SYS_sched_setparam, -1, &zero));
  show("setparam, nobody", syscall(SYS_sched_setparam, 0x3fffffff, &zero));
  show("getparam, no pointer", syscall(SYS_sched_getparam, 0, NULL));
  show("getparam, negative", syscall(SYS_sched_getparam, -1, &one));
  show("getparam, nobody", syscall(SYS_sched_getparam, 0x3fffffff, &one));
  show("getscheduler, negative", syscall(SYS_sched_getscheduler, -1));
  show("getscheduler, nobody", syscall(SYS_sched_getscheduler, 0x3fffffff));
  show("setscheduler, no pointer", syscall(SYS_sched_setscheduler, 0, 0, NULL));
  show("setscheduler, negative policy", syscall(SYS_sched_setscheduler, 0, -1, &zero));
  show("interval", syscall(SYS_sched_rr_get_interval, 0, &t));
  show("interval, negative", syscall(SYS_sched_rr_get_interval, -1, &t));
  show("interval, nobody", syscall(SYS_sched_rr_get_interval, 0x3fffffff, &t));
  show("interval, bad pointer", syscall(SYS_sched_rr_get_interval, 0, 8));
  for (int policy = -1; policy < 5; policy++) {
    say("policy %d", policy);
    show("  highest", syscall(SYS_sched_get_priority_max, policy));
    show("  lowest", syscall(SYS_sched_get_priority_min, policy));
  }
  return 0;
}
