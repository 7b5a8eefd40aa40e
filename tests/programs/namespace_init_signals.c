/* The init of a PID namespace: its own faults and its parent's SIGKILL end it, signals from inside do not; sigwait works. */
// needs: root
#include "check.h"

static struct gate ready, go;
static pid_t in_namespace(void (*body)(void)) {
  ready = new_gate();
  go = new_gate();
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    body();
    _exit(0);
  }
  return (pid_t)c;
}
static void fault(void) { *(volatile int *)8 = 1; }
static void forge(void) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  show("queued SIGKILL to itself", syscall(SYS_rt_sigqueueinfo, 1, SIGKILL, &info));
  show("SIGSTOP to itself", kill(1, SIGSTOP));
  pid_t child;
  CHILD(child) {
    kill(1, SIGTERM);
    kill(1, SIGKILL);
    kill(1, SIGSEGV);
    _exit(0);
  }
  wait_for(child);
  say("still there");
}
static void waits(void) {
  sigset_t set = set_of(SIGTERM, 0);
  int sig;
  block(SIGTERM);
  pid_t child;
  CHILD(child) {
    kill(1, SIGTERM);
    _exit(0);
  }
  sigwait(&set, &sig);
  say("blocked, it can be waited for: %d", sig);
  wait_for(child);
}
static void sleeps(void) {
  open_gate(&ready);
  pass_gate(&go);
}
static void handler(int sig) {
  say("handled %d", sig);
  open_gate(&ready);
}
static void handles(void) {
  on_signal(SIGTERM, handler);
  open_gate(&ready);
  pass_gate(&go);
}

int main(void) {
  say("own fault: %s", reap(in_namespace(fault)));
  say("%s", reap(in_namespace(forge)));
  say("%s", reap(in_namespace(waits)));
  pid_t c = in_namespace(sleeps);
  pass_gate(&ready);
  show("SIGTERM from outside", kill(c, SIGTERM));
  sleep_ms(5);
  open_gate(&go);
  say("had no effect: %s", reap(c));
  c = in_namespace(handles);
  pass_gate(&ready);
  kill(c, SIGTERM);
  pass_gate(&ready);
  open_gate(&go);
  say("with a handler it arrives: %s", reap(c));
  c = in_namespace(sleeps);
  pass_gate(&ready);
  kill(c, SIGKILL);
  say("SIGKILL from outside: %s", reap(c));
  return 0;
}
