/* Scheduling calls: affinity, policies, priorities, nice; and the errors. */
// needs: root
#include "check.h"

int main(void) {
  unsigned cpu = 99, node = 99;
  show("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL));
  say("small: %d", cpu < 64 && node < 8);
  show("getcpu without pointers", syscall(SYS_getcpu, NULL, NULL, NULL));
  unsigned long mask[16] = { 0 };
  say("getaffinity gives bytes: %d", syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) >= 8);
  say("cpu 0 or another one is in it: %d", mask[0] != 0);
  show("getaffinity too short", syscall(SYS_sched_getaffinity, 0, 4, mask));
  unsigned long none = 0, first = mask[0] & -mask[0];
  show("set none", syscall(SYS_sched_setaffinity, 0, 8, &none));
  show("set one", syscall(SYS_sched_setaffinity, 0, 8, &first));
  show("yield", sched_yield());
  show("policy", syscall(SYS_sched_getscheduler, 0));
  struct sched_param p = { .sched_priority = 0 };
  show("getparam", syscall(SYS_sched_getparam, 0, &p));
  p.sched_priority = 5;
  show("normal with a priority", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &p));
  p.sched_priority = 100;
  show("FIFO 100", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
  show("unknown policy", syscall(SYS_sched_setscheduler, 0, 77, &p));
  p.sched_priority = 0;
  show("BATCH", syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &p));
  show("policy", syscall(SYS_sched_getscheduler, 0));
  show("of nobody", syscall(SYS_sched_getscheduler, 30000));
  show("negative pid", syscall(SYS_sched_getscheduler, -5));
  show("max FIFO", sched_get_priority_max(SCHED_FIFO));
  show("min RR", sched_get_priority_min(SCHED_RR));
  show("max OTHER", sched_get_priority_max(SCHED_OTHER));
  show("max unknown", sched_get_priority_max(77));
  show("setpriority 25", setpriority(PRIO_PROCESS, 0, 25));
  show("getpriority", getpriority(PRIO_PROCESS, 0));
  show("setpriority 10 of the group", setpriority(PRIO_PGRP, 0, 10));
  show("getpriority", getpriority(PRIO_PROCESS, 0));
  show("bad which", setpriority(9, 0, 1));
  show("of nobody", setpriority(PRIO_PROCESS, 30000, 1));
  pid_t child;
  CHILD(child) {
    show("child inherits", getpriority(PRIO_PROCESS, 0));
    _exit(0);
  }
  wait_for(child);
  return 0;
}
