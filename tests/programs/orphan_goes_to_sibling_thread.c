/* When only the thread that forked ends, another thread of the process is the parent: same getppid(), still waitable. */
#include "check.h"

static pid_t child;
static struct gate go, fresh;

static void *maker(void *arg) {
  pid_t me = getpid();
  CHILD(child) {
    must(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    block(SIGUSR1);
    open_gate(&fresh);
    pass_gate(&go);
    say("parent is the same process: %d", getppid() == me);
    sigset_t usr1 = set_of(SIGUSR1, 0);
    int sig;
    sigwait(&usr1, &sig);
    say("but the death signal came: %d", sig == SIGUSR1);
    _exit(8);
  }
  pass_gate(&fresh);
  return arg;
}

int main(void) {
  go = new_gate();
  fresh = new_gate();
  pthread_t t;
  pthread_create(&t, NULL, maker, NULL);
  pthread_join(t, NULL);
  open_gate(&go);
  say("%s", reap(child));
  return 0;
}
