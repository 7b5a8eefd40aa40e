/* RLIMIT_CPU: SIGXCPU at the soft limit, SIGKILL at the hard one. */
#include "check.h"

static volatile int xcpu;
static void handler(int sig) {
  (void)sig;
  xcpu++;
}

int main(void) {
  pid_t child;
  struct rlimit r = { 1, 100 };
  CHILD(child) {
    on_signal(SIGXCPU, handler);
    must(setrlimit(RLIMIT_CPU, &r));
    while (!xcpu)
      for (volatile int i = 0; i < 10000; i++) continue;
    say("soft limit: SIGXCPU");
    r.rlim_max = 1; /* which is used up already */
    must(setrlimit(RLIMIT_CPU, &r));
    for (volatile int i = 0;; i++) continue;
  }
  say("hard limit: %s", reap(child));
  return 0;
}
