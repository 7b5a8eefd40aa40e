/* Calls that came after 3.2 are ENOSYS, and unknown numbers too. */
#include "check.h"

int main(void) {
  static const struct { int nr; const char *name; } calls[] = {
    { 312, "kcmp" }, { 314, "sched_setattr" }, { 316, "renameat2" }, { 317, "seccomp" }, { 318, "getrandom" }, { 319, "memfd_create" },
    { 322, "execveat" }, { 324, "membarrier" }, { 332, "statx" }, { 334, "rseq" }, { 424, "pidfd_send_signal" }, { 434, "pidfd_open" },
    { 435, "clone3" }, { 436, "close_range" }, { 439, "faccessat2" }, { 9999, "nothing" },
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) show(calls[i].name, syscall(calls[i].nr, 0, 0, 0, 0, 0, 0));
  show("-1", syscall(-1));
  show("1000000", syscall(1000000));
  return 0;
}
