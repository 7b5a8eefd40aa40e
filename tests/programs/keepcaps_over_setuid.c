/* Leaving root drops what a process may do, unless PR_SET_KEEPCAPS is set; exec ends that, and what was kept. */
// needs: root
#include "check.h"
#include <linux/capability.h>

static int has(int which) {
  struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct d[2];
  must(syscall(SYS_capget, &h, d));
  return (int)(((which == 0 ? d[0].permitted : which == 1 ? d[0].effective : d[0].inheritable) >> CAP_KILL) & 1);
}
static void tell(const char *name) { say("%s: permitted %d effective %d inheritable %d, keepcaps %d", name, has(0), has(1), has(2), prctl(PR_GET_KEEPCAPS)); }
static void raise_(void) {
  struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct d[2];
  must(syscall(SYS_capget, &h, d));
  d[0].effective = d[0].permitted;
  show("raise", syscall(SYS_capset, &h, d));
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    tell("executed");
    return 0;
  }
  pid_t child;
  uid_t uid = fresh_uid();
  tell("root");
  CHILD(child) {
    must(setresuid(uid, uid, uid));
    tell("plain");
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    must(prctl(PR_SET_KEEPCAPS, 1));
    must(setresuid(uid, uid, uid));
    tell("kept");
    raise_();
    tell("raised");
    show("init may be signalled", kill(getppid(), 0));
    pid_t c;
    CHILD(c) {
      tell("child");
      _exit(0);
    }
    wait_for(c);
    execl("/proc/self/exe", "x", "y", NULL);
    _exit(1);
  }
  wait_for(child);
  CHILD(child) {
    must(setresuid(0, uid, 0));
    tell("effective user only");
    must(setresuid(0, 0, 0));
    tell("and back");
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    must(setresuid(uid, uid, uid));
    execl("/proc/self/exe", "x", "y", NULL);
    _exit(1);
  }
  wait_for(child);
  return 0;
}
