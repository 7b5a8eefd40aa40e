/* rt_sigqueueinfo() to another process: codes of the kernel's own are EPERM, all others arrive as given, si_pid too. */
#include "check.h"

static pid_t child;
static void attempt(const char *name, int code) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGUSR2; /* the argument counts, not this */
  info.si_code = code;
  info.si_pid = 4242;
  info.si_uid = 77;
  info.si_value.sival_int = 9;
  show(name, syscall(SYS_rt_sigqueueinfo, child, RT(0), &info));
  show("  to the thread", syscall(SYS_rt_tgsigqueueinfo, child, child, RT(1), &info));
}

int main(void) {
  struct gate go = new_gate();
  block(RT(0));
  block(RT(1));
  CHILD(child) {
    pass_gate(&go);
    sigset_t set = set_of(RT(0), RT(1), 0);
    siginfo_t i;
    struct timespec none = { 0, 0 };
    while (sigtimedwait_(&set, &i, &none) > 0)
      say("got %d: signo %d code %d pid %d uid %d value %d", i.si_signo - RT(0), i.si_signo - RT(0), i.si_code, i.si_pid, i.si_uid, i.si_value.sival_int);
    _exit(0);
  }
  attempt("SI_USER", SI_USER);
  attempt("SI_KERNEL", SI_KERNEL);
  attempt("positive", 5);
  attempt("SI_TKILL", SI_TKILL);
  attempt("SI_QUEUE", SI_QUEUE);
  attempt("SI_TIMER", SI_TIMER);
  attempt("SI_MESGQ", SI_MESGQ);
  attempt("SI_ASYNCIO", SI_ASYNCIO);
  attempt("anything negative", -1000);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  show("bad pointer", syscall(SYS_rt_sigqueueinfo, child, RT(0), 8));
  show("bad signal", syscall(SYS_rt_sigqueueinfo, child, 65, &info));
  show("signal 0", syscall(SYS_rt_sigqueueinfo, child, 0, &info));
  show("nobody", syscall(SYS_rt_sigqueueinfo, 30000, SIGUSR1, &info));
  show("pid 0", syscall(SYS_rt_sigqueueinfo, 0, 0, &info));
  show("a group", syscall(SYS_rt_sigqueueinfo, -getpid(), 0, &info));
  show("thread of another process", syscall(SYS_rt_tgsigqueueinfo, getpid(), child, RT(1), &info));
  show("tid 0", syscall(SYS_rt_tgsigqueueinfo, child, 0, RT(1), &info));
  open_gate(&go);
  say("%s", reap(child));
  return 0;
}
