/* SCHED_RESET_ON_FORK: a child has no raised priority and not the flag; who lacks privilege cannot take it off. */
// needs: root
#include "check.h"

static int set(int policy) {
  struct sched_param p = { 0 };
  return (int)syscall(SYS_sched_setscheduler, 0, policy, &p);
}
static void tell(const char *name) {
  long policy = syscall(SYS_sched_getscheduler, 0);
  say("%s: policy %lx nice %d", name, policy, getpriority(PRIO_PROCESS, 0));
}
static void child_tells(const char *name) {
  pid_t child;
  CHILD(child) {
    tell(name);
    _exit(0);
  }
  wait_for(child);
}

int main(void) {
  must(setpriority(PRIO_PROCESS, 0, -5));
  child_tells("nice -5: child");
  show("batch", set(0x40000000 | SCHED_BATCH));
  tell("self");
  child_tells("batch: child");
  show("reset on fork", set(0x40000000 | SCHED_OTHER));
  child_tells("nice -5: child");
  must(setpriority(PRIO_PROCESS, 0, 5));
  child_tells("nice 5: child");
  pid_t child;
  CHILD(child) {
    must(set(0x40000000 | SCHED_BATCH));
    uid_t uid = fresh_uid();
    must(setresuid(uid, uid, uid));
    show("user: off", set(SCHED_OTHER));
    show("user: another policy with it", set(0x40000000 | SCHED_OTHER));
    _exit(0);
  }
  wait_for(child);
  show("unknown flag", set(0x20000000 | SCHED_OTHER));
  return 0;
}
