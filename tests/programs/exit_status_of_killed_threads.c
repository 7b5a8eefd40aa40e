/* A fatal signal to one thread is the status of the process, whichever thread, whether sent or raised by a fault. */
#include "check.h"

static struct gate ready;
static void *sleeper(void *arg) {
  open_gate(&ready);
  for (;;) pause();
  return arg;
}
static void *faulter(void *arg) {
  *(volatile int *)arg = 1;
  return arg;
}
static void *raiser(void *arg) {
  tgkill_(getpid(), gettid_(), *(int *)arg);
  for (;;) pause();
  return arg;
}

int main(void) {
  pid_t child;
  int sigs[] = { SIGKILL, SIGTERM, SIGABRT, RT(4) };
  for (int i = 0; i < 4; i++) {
    CHILD(child) {
      pthread_t t;
      ready = new_gate();
      for (int n = 0; n < 3; n++) pthread_create(&t, NULL, sleeper, NULL);
      for (int n = 0; n < 3; n++) pass_gate(&ready);
      pthread_create(&t, NULL, raiser, &sigs[i]);
      for (;;) pause();
    }
    say("%d: %s", sigs[i], reap(child));
  }
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, faulter, (void *)8);
    for (;;) pause();
  }
  siginfo_t info;
  must(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
  say("fault: killed or dumped %d, status %d", info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED, info.si_status);
  say("%s", reap(child));
  CHILD(child) {
    pthread_t t;
    ready = new_gate();
    pthread_create(&t, NULL, sleeper, NULL);
    pass_gate(&ready);
    kill(getpid(), SIGSTOP);
    for (;;) pause();
  }
  int s;
  must(waitpid(child, &s, WUNTRACED));
  kill(child, SIGTERM);
  kill(child, SIGKILL);
  say("stopped, TERM then KILL: %s", reap(child));
  return 0;
}
