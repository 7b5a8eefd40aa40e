/* Strict seccomp: read, write, exit and sigreturn only; anything else is SIGKILL for the thread. */
// differs: the oracle runs under a seccomp filter, and strict mode is refused then
#include "check.h"

int main(void) {
  pid_t child;
  CHILD(child) {
    must(prctl(PR_SET_SECCOMP, 1));
    say("writing still works");
    syscall(SYS_exit, 3);
  }
  say("%s", reap(child));
  CHILD(child) {
    must(prctl(PR_SET_SECCOMP, 1));
    syscall(SYS_getpid);
    syscall(SYS_exit, 4);
  }
  say("%s", reap(child));
  CHILD(child) {
    must(prctl(PR_SET_SECCOMP, 1));
    unsigned lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    syscall(SYS_exit, 5);
  }
  say("the time stamp counter: %s", reap(child));
  show("filters are not there", prctl(PR_SET_SECCOMP, 2, NULL));
  return 0;
}
