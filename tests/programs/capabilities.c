/* capget() and capset(): what root has, what leaving root takes away, and dropping. */
// needs: root
#include "check.h"
#include <linux/capability.h>

static struct __user_cap_header_struct header;
static struct __user_cap_data_struct data[2];
static void look(const char *name) {
  header = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, 0 };
  must(syscall(SYS_capget, &header, data));
  say("%s: effective %d, permitted %d, KILL %d", name, data[0].effective != 0, data[0].permitted != 0, !!(data[0].effective & 1 << CAP_KILL));
}

int main(void) {
  must_be_contained();
  pid_t child;
  look("root");
  CHILD(child) {
    must(setresuid((uid_t)-1, 1000, (uid_t)-1));
    look("effective user changed");
    must(setresuid((uid_t)-1, 0, (uid_t)-1));
    look("and back");
    must(setuid(1000));
    look("root left");
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    must(prctl(PR_SET_KEEPCAPS, 1));
    must(setuid(1000));
    look("kept");
    data[0].effective = 1 << CAP_KILL;
    show("raise KILL", syscall(SYS_capset, &header, data));
    look("raised");
    show("kill init", kill(1, 0));
    data[0].permitted = data[0].effective = data[0].inheritable = 0;
    data[1] = data[0];
    show("drop all", syscall(SYS_capset, &header, data));
    data[0].permitted = 1 << CAP_KILL;
    show("get it back", syscall(SYS_capset, &header, data));
    show("kill init", kill(1, 0));
    _exit(0);
  }
  wait_for(child);
  header.version = 1;
  show("bad version", syscall(SYS_capget, &header, data));
  say("told the right one: %d", header.version == _LINUX_CAPABILITY_VERSION_3);
  header.pid = 30000;
  show("nobody", syscall(SYS_capget, &header, data));
  return 0;
}
