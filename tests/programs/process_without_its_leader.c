/* A process whose leader has ended: signals, timers, fork, wait and getppid() work on in the other thread. */
#include "check.h"

static volatile int handled;
static volatile pid_t where;
static void handler(int sig) {
  handled = sig;
  where = gettid_();
}
static void wait_handled(int sig) {
  while (handled != sig) usleep(200);
  say("%d handled in the thread: %d", sig, where == gettid_());
}
static pid_t parent;
static void *rest(void *arg) {
  pid_t me = getpid(), child;
  wait_state(me, "Z");
  say("getppid ok %d, tid is not pid %d", getppid() == parent, gettid_() != me);
  show("kill to the process", kill(me, SIGUSR1));
  wait_handled(SIGUSR1);
  show("kill to the ended leader alone", tgkill_(me, me, SIGUSR2));
  usleep(2000);
  say("nobody handles it: %d", handled == SIGUSR1);
  struct itimerval t = { { 0, 0 }, { 0, 1000 } };
  must(setitimer(ITIMER_REAL, &t, NULL));
  wait_handled(SIGALRM);
  CHILD(child) {
    say("child: parent ok %d, one thread %d", getppid() == me, gettid_() == getpid());
    _exit(4);
  }
  say("%s", reap(child));
  show("group", setpgid(0, 0));
  say("own group %d", getpgrp() == me);
  char text[20];
  ssize_t n = readlink("/proc/self", text, sizeof text);
  say("/proc/self %d", n > 0 && atoi(text) == me);
  syscall(SYS_exit_group, 5);
  return arg;
}

int main(void) {
  pid_t child;
  parent = getpid();
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, handler);
  on_signal(SIGALRM, handler);
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, rest, NULL);
    syscall(SYS_exit, 3);
  }
  say("%s", reap(child));
  return 0;
}
