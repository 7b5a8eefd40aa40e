/* A vfork child that is killed, by itself or from outside, lets its parent go on. */
#include "check.h"

int main(void) {
  volatile pid_t *child = shared_memory(4096);
  pid_t v = vfork();
  if (v == 0) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    _exit(1);
  }
  say("by itself: %s", reap(v));
  pid_t killer;
  CHILD(killer) {
    while (!*child) sleep_ms(1);
    wait_asleep(*child);
    kill(*child, SIGKILL);
    _exit(0);
  }
  v = vfork();
  if (v == 0) {
    *child = (pid_t)syscall(SYS_getpid);
    struct timespec long_time = { 1000, 0 };
    syscall(SYS_nanosleep, &long_time, NULL);
    _exit(2);
  }
  say("from outside: %s", reap(v));
  wait_for(killer);
  return 0;
}
