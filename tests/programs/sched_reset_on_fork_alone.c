/* SCHED_RESET_ON_FORK changes together with the policy or the real-time priority only, neither set nor cleared alone. */
// needs: root
// differs: later kernels set and clear the flag alone, too; 3.2 returns before it looks at it (__sched_setscheduler)
#include "check.h"

enum { RESET = 0x40000000 };
static void set(const char *what, int policy, int priority) {
  struct sched_param p = { .sched_priority = priority };
  long r = syscall(SYS_sched_setscheduler, 0, policy, &p);
  struct sched_param now;
  must(syscall(SYS_sched_getparam, 0, &now));
  if (r == -1) say("%s: %s", what, errname(errno));
  say("%s: policy %lx priority %d", what, syscall(SYS_sched_getscheduler, 0), now.sched_priority);
}

int main(void) {
  set("other, set alone", SCHED_OTHER | RESET, 0);
  set("batch with it", SCHED_BATCH | RESET, 0);
  set("batch, cleared alone", SCHED_BATCH, 0);
  set("fifo 5 without it", SCHED_FIFO, 5);
  set("fifo 5, set alone", SCHED_FIFO | RESET, 5);
  set("fifo 6 with it", SCHED_FIFO | RESET, 6);
  set("fifo 6, cleared alone", SCHED_FIFO, 6);
  set("rr 6 without it", SCHED_RR, 6);
  set("a wrong priority", SCHED_RR | RESET, 0);
  struct sched_param p = { .sched_priority = 6 };
  show("setparam, the same", syscall(SYS_sched_setparam, 0, &p));
  set("idle with it", SCHED_IDLE | RESET, 0);
  pid_t child;
  CHILD(child) {
    set("a child", SCHED_IDLE, 0);
    set("a child, other with it", SCHED_OTHER | RESET, 0);
    uid_t uid = fresh_uid();
    must(setresuid(uid, uid, uid));
    set("a user, cleared alone", SCHED_OTHER, 0);
    set("a user, set alone", SCHED_OTHER | RESET, 0);
    _exit(0);
  }
  wait_for(child);
  return 0;
}
