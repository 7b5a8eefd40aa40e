/* The ways to end: return, exit, _exit, the thread's exit(2), abort, and what the parent sees of each. */
#include "check.h"

static void *nothing(void *arg) { return arg; }

int main(void) {
  pid_t child;
  CHILD(child) exit(1);
  say("exit(1): %s", reap(child));
  CHILD(child) exit(-1);
  say("exit(-1): %s", reap(child));
  CHILD(child) syscall(SYS_exit, 513);
  say("exit(2) of the only thread, 513: %s", reap(child));
  CHILD(child) abort();
  say("abort: %s", reap(child));
  CHILD(child) {
    on_signal(SIGABRT, SIG_IGN);
    abort();
  }
  say("abort with SIGABRT ignored: %s", reap(child));
  CHILD(child) {
    block(SIGABRT);
    abort();
  }
  say("abort with SIGABRT blocked: %s", reap(child));
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, nothing, NULL);
    pthread_exit(NULL);
  }
  say("last pthread ends: %s", reap(child));
  return 55;
}
