/* The init of a PID namespace: a fatal signal it blocks is kept for sigwait() and comes to nothing when unblocked;
   forged signals from inside do nothing; a fault while blocked or ignored is its end. */
// needs: root
#include "check.h"

static pid_t in_namespace(void (*body)(void)) {
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    setpgid(0, 0); /* kill(0) is not to reach who looks from outside */
    body();
    _exit(0);
  }
  return (pid_t)c;
}
static void send_from_child(int sig, int code) {
  pid_t child;
  CHILD(child) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = code;
    show("queued from inside", syscall(SYS_rt_sigqueueinfo, 1, sig, &info));
    _exit(0);
  }
  wait_for(child);
}
static void unblocks(void) {
  block(SIGTERM);
  block(RT(0));
  send_from_child(SIGTERM, SI_QUEUE);
  send_from_child(RT(0), SI_QUEUE);
  say("pending: %d %d", is_pending(SIGTERM), is_pending(RT(0)));
  unblock(SIGTERM);
  unblock(RT(0));
  say("unblocked, still there; pending: %d %d", is_pending(SIGTERM), is_pending(RT(0)));
  send_from_child(SIGKILL, SI_QUEUE);
  send_from_child(SIGKILL, SI_TIMER);
  send_from_child(SIGSTOP, SI_QUEUE);
  send_from_child(SIGSEGV, SI_QUEUE);
  show("tgkill", tgkill_(1, 1, SIGKILL));
  show("kill group", kill(0, SIGTERM));
  show("to itself", tgkill_(getpid(), gettid_(), SIGABRT)); /* raise() may remember another number */
  say("still there");
}
static void alarms(void) {
  struct itimerval t = { { 0, 0 }, { 0, 1000 } };
  setitimer(ITIMER_REAL, &t, NULL);
  sleep_ms(10);
  say("the alarm clock does not end it");
  int p[2];
  must(pipe(p));
  close(p[0]);
  show("write without reader", write(p[1], "x", 1));
}
static void faults_blocked(void) {
  block(SIGSEGV);
  *(volatile int *)8 = 1;
}
static void faults_ignored(void) {
  on_signal(SIGSEGV, SIG_IGN);
  *(volatile int *)8 = 1;
}
static void once(int sig) { say("handled %d", sig); }
static void faults_again(void) {
  on_signal_flags(SIGSEGV, once, (int)SA_RESETHAND);
  *(volatile int *)8 = 1;
}

int main(void) {
  say("%s", reap(in_namespace(unblocks)));
  say("%s", reap(in_namespace(alarms)));
  say("fault while blocked: %s", reap(in_namespace(faults_blocked)));
  say("fault while ignored: %s", reap(in_namespace(faults_ignored)));
  say("second fault: %s", reap(in_namespace(faults_again)));
  return 0;
}
