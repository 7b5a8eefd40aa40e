/* Real-time scheduling: who may ask for it, what children inherit, and who runs first. */
// needs: root
#include "check.h"

int main(void) {
  unsigned long one = 1;
  unsigned long mask[16] = { 0 };
  must(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  one = mask[0] & -mask[0];
  must(syscall(SYS_sched_setaffinity, 0, 8, &one));
  struct sched_param p = { .sched_priority = 10 };
  show("FIFO 10", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
  pid_t child[2];
  for (int i = 0; i < 2; i++) {
    CHILD(child[i]) {
      say("child %d: policy %ld", i, syscall(SYS_sched_getscheduler, 0));
      _exit(0);
    }
    say("parent goes on after fork %d", i);
  }
  wait_for(child[0]);
  wait_for(child[1]);
  struct gate g = new_gate();
  CHILD(child[0]) {
    p.sched_priority = 20;
    must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
    char c;
    must(read(g.fd[0], &c, 1));
    say("higher priority runs at once");
    _exit(0);
  }
  wait_asleep(child[0]);
  open_gate(&g);
  say("lower priority after it");
  wait_for(child[0]);
  p.sched_priority = 11;
  must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | 0x40000000, &p));
  CHILD(child[0]) {
    say("reset on fork: policy %ld", syscall(SYS_sched_getscheduler, 0));
    must(setuid(fresh_uid()));
    show("user asks for FIFO", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
    show("user gets nicer", setpriority(PRIO_PROCESS, 0, 5));
    show("user gets less nice", setpriority(PRIO_PROCESS, 0, 0));
    _exit(0);
  }
  wait_for(child[0]);
  return 0;
}
