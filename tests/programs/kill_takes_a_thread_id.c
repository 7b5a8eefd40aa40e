/* kill() takes the number of any thread and means its process; tkill() of a thread that ended is ESRCH. */
#include "check.h"

static struct gate ready, go;
static pid_t tid;
static volatile int count;
static void handler(int sig) {
  (void)sig;
  count++;
}
static void *thread(void *arg) {
  block(SIGUSR1);
  tid = gettid_();
  open_gate(&ready);
  pass_gate(&go);
  return arg;
}

int main(void) {
  ready = new_gate();
  go = new_gate();
  on_signal(SIGUSR1, handler);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pass_gate(&ready);
  show("kill by thread number", kill(tid, SIGUSR1));
  say("handled in the other thread: %d", count);
  show("getpgid of a thread is its process's", getpgid(tid) == getpgrp());
  show("setpgid of a thread", setpgid(tid, 0));
  show("as a group", kill(-tid, 0));
  show("waitpid of a thread", waitpid(tid, NULL, __WALL | WNOHANG));
  open_gate(&go);
  pthread_join(t, NULL);
  for (int i = 0; i < 1000 && tgkill_(getpid(), tid, 0) == 0; i++) sleep_ms(1);
  show("ended: tgkill", tgkill_(getpid(), tid, 0));
  show("ended: tkill", syscall(SYS_tkill, tid, 0));
  show("ended: kill", kill(tid, 0));
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
