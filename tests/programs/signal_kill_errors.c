/* kill(), tkill(), tgkill(): who is meant, and what is wrong, in the kernel's order. */
#include "check.h"

int main(void) {
  must_be_contained();
  pid_t me = getpid();
  show("self, 0", kill(me, 0));
  show("self, 65", kill(me, 65));
  show("self, -1", kill(me, -1));
  show("nobody, 0", kill(30000, 0));
  show("nobody, 999", kill(30000, 999));
  show("no group", kill(-30000, SIGTERM));
  show("tkill 0", syscall(SYS_tkill, 0, SIGTERM));
  show("tkill -1", syscall(SYS_tkill, -1, SIGTERM));
  show("tkill nobody", syscall(SYS_tkill, 30000, SIGTERM));
  show("tkill self, 0", syscall(SYS_tkill, me, 0));
  show("tkill self, 65", syscall(SYS_tkill, me, 65));
  show("tgkill 0", tgkill_(0, me, 0));
  show("tgkill wrong group", tgkill_(1, me, 0));
  show("tgkill nobody", tgkill_(30000, 30000, 0));
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  show("sigqueueinfo nobody", syscall(SYS_rt_sigqueueinfo, 30000, SIGTERM, &info));
  show("sigqueueinfo self 0", syscall(SYS_rt_sigqueueinfo, me, 0, &info));
  show("sigqueueinfo self 65", syscall(SYS_rt_sigqueueinfo, me, 65, &info));
  show("sigqueueinfo bad pointer", syscall(SYS_rt_sigqueueinfo, me, SIGTERM, 8));
  show("tgsigqueueinfo 0", syscall(SYS_rt_tgsigqueueinfo, 0, 0, SIGTERM, &info));
  info.si_code = SI_USER;
  pid_t child;
  CHILD(child) for (;;) pause();
  show("forged kill to another", syscall(SYS_rt_sigqueueinfo, child, SIGTERM, &info));
  info.si_code = SI_TKILL;
  show("forged tkill to another", syscall(SYS_rt_sigqueueinfo, child, SIGTERM, &info));
  info.si_code = SI_KERNEL;
  show("forged kernel signal to another", syscall(SYS_rt_sigqueueinfo, child, SIGTERM, &info));
  show("it is still there", waitpid(child, NULL, WNOHANG));
  kill(child, SIGKILL);
  say("%s", reap(child));
  return 0;
}
