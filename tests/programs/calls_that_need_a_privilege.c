/* What a user without privileges is refused, and what of it he is told first. */
// needs: root
#include "check.h"
#include <sys/timex.h>

int main(void) {
  gid_t many[2] = { 1, 2 };
  show("setgroups, more than there may be", syscall(SYS_setgroups, 65537, many));
  show("setgroups, a negative number", syscall(SYS_setgroups, -1, many));
  must(syscall(SYS_setgroups, 0, NULL));
  pid_t other;
  struct gate end = new_gate();
  CHILD(other) {
    pass_gate(&end);
    _exit(0);
  }
  must(setresgid(1000, 1000, 1000));
  must(setresuid(1000, 1000, 1000));

  struct timespec time = { 0, 0 };
  struct timeval tv = { 0, 0 };
  struct sched_param fifo = { .sched_priority = 1 }, normal = { .sched_priority = 0 };
  struct timex adjust = { .modes = ADJ_TICK };
  unsigned long cpus = 1;
  show("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &time));
  show("settimeofday", syscall(SYS_settimeofday, &tv, NULL));
  show("settimeofday, bad pointer", syscall(SYS_settimeofday, 8, NULL));
  show("adjtimex", syscall(SYS_adjtimex, &adjust));
  show("adjtimex, bad pointer", syscall(SYS_adjtimex, 8));
  show("sethostname", syscall(SYS_sethostname, "x", 1));
  show("setdomainname", syscall(SYS_setdomainname, "x", 1));
  show("sethostname, a negative length", syscall(SYS_sethostname, "x", -1));
  show("setgroups", syscall(SYS_setgroups, 1, many));
  show("chroot", syscall(SYS_chroot, "/"));
  show("chroot to nowhere", syscall(SYS_chroot, "/nowhere"));
  show("mount", syscall(SYS_mount, "none", "/", "tmpfs", 0UL, NULL));
  show("umount", syscall(SYS_umount2, "/", 0));
  show("pivot_root", syscall(SYS_pivot_root, "/", "/"));
  show("swapon", syscall(SYS_swapon, "/nowhere", 0));
  show("swapoff", syscall(SYS_swapoff, "/nowhere"));
  show("reboot", syscall(SYS_reboot, 0xfee1deadU, 672274793, 0x89abcdefU, NULL));
  show("unshare", syscall(SYS_unshare, 0x04000000));
  show("a real-time policy", syscall(SYS_sched_setscheduler, 0, 1, &fifo));
  show("another's policy", syscall(SYS_sched_setscheduler, other, 0, &normal));
  show("another's parameters", syscall(SYS_sched_setparam, other, &normal));
  show("another's CPUs", syscall(SYS_sched_setaffinity, other, sizeof cpus, &cpus));
  show("another's robust list", syscall(SYS_get_robust_list, other, &time, &tv));
  show("another's limits", syscall(SYS_prlimit64, other, RLIMIT_NOFILE, &(struct rlimit){ 5, 5 }, NULL));
  show("another's page", syscall(SYS_process_vm_readv, other, &(struct iovec){ &time, 8 }, 1UL,
                                 &(struct iovec){ &time, 8 }, 1UL, 0UL));
  show("another's priority", setpriority(PRIO_PROCESS, (id_t)other, 5));
  show("a signal", kill(other, SIGTERM));
  show("nice is one-way: 5", setpriority(PRIO_PROCESS, 0, 5));
  show("back to 0", setpriority(PRIO_PROCESS, 0, 0));
  show("the policy for idlers", syscall(SYS_sched_setscheduler, 0, 5, &normal));
  show("mknod of a device", mknod("/tmp/device", S_IFCHR | 0600, 0x103));
  open_gate(&end);
  return 0;
}
