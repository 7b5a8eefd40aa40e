/* process_vm_readv() and process_vm_writev() reach into a child. */
#include "check.h"

static char text[] = "parent's";
int main(void) {
  struct gate ready = new_gate(), go = new_gate();
  pid_t child;
  CHILD(child) {
    strcpy(text, "child's ");
    open_gate(&ready);
    pass_gate(&go);
    say("child has %s", text);
    _exit(0);
  }
  pass_gate(&ready);
  char buffer[20] = "", note[] = "written!";
  struct iovec local = { buffer, 8 }, remote = { text, 8 };
  show("read", syscall(SYS_process_vm_readv, child, &local, 1, &remote, 1, 0));
  say("%s, ours is %s", buffer, text);
  local.iov_base = note;
  show("write", syscall(SYS_process_vm_writev, child, &local, 1, &remote, 1, 0));
  remote.iov_base = (void *)8;
  show("bad address", syscall(SYS_process_vm_readv, child, &local, 1, &remote, 1, 0));
  show("flags", syscall(SYS_process_vm_readv, child, &local, 1, &remote, 1, 1));
  show("nobody", syscall(SYS_process_vm_readv, 30000, &local, 1, &remote, 1, 0));
  open_gate(&go);
  say("%s", reap(child));
  return 0;
}
