/* The death signal comes when the thread that forked ends, although its process lives on and stays the parent. */
#include "check.h"

static pid_t child;
static struct gate ready, done;
static void *maker(void *arg) {
  block(SIGUSR1);
  CHILD(child) {
    sigset_t set = set_of(SIGUSR1, 0);
    siginfo_t info;
    must(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    pid_t before = getppid();
    open_gate(&ready);
    int sig = sigwaitinfo(&set, &info);
    say("signal %d code %d, same parent %d", sig, info.si_code, getppid() == before);
    open_gate(&done);
    _exit(8);
  }
  pass_gate(&ready);
  return arg;
}

int main(void) {
  ready = new_gate();
  done = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, maker, NULL);
  pthread_join(t, NULL);
  pass_gate(&done);
  say("and we can wait for it: %s", reap(child));
  return 0;
}
