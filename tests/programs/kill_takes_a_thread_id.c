/* kill() takes the number of any thread and means its process; tkill() of a thread that ended is ESRCH. */
#include "check.h"

static volatile int count;
static void handler(int sig) {
  (void)sig;
  count++;
}

int main(void) {
  on_signal(SIGUSR1, handler);
  struct idle_thread idle;
  block(SIGUSR1); /* in that thread, too */
  begin_idle(&idle);
  unblock(SIGUSR1);
  show("kill by thread number", kill(idle.tid, SIGUSR1));
  say("handled in the other thread: %d", count);
  show("getpgid of a thread is its process's", getpgid(idle.tid) == getpgrp());
  show("setpgid of a thread", setpgid(idle.tid, 0));
  show("as a group", kill(-idle.tid, 0));
  show("waitpid of a thread", waitpid(idle.tid, NULL, __WALL | WNOHANG));
  end_idle(&idle);
  for (int i = 0; i < 1000 && tgkill_(getpid(), idle.tid, 0) == 0; i++) sleep_ms(1);
  show("ended: tgkill", tgkill_(getpid(), idle.tid, 0));
  show("ended: tkill", syscall(SYS_tkill, idle.tid, 0));
  show("ended: kill", kill(idle.tid, 0));
  pid_t child;
  CHILD(child) _exit(0);
  wait_state(child, "Z");
  show("zombie: kill", kill(child, SIGTERM));
  show("zombie: tkill", syscall(SYS_tkill, child, SIGTERM));
  show("zombie: tgkill", tgkill_(child, child, SIGTERM));
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  show("zombie: queue", syscall(SYS_rt_sigqueueinfo, child, RT(0), &info));
  wait_for(child);
  return 0;
}
