/* SIGCHLD tells of exits, stops and continues; SA_NOCLDSTOP leaves out the last two; several may merge into one. */
#include "check.h"

static volatile int count;
static void handler(int sig, siginfo_t *i, void *context) {
  (void)sig;
  (void)context;
  say("  SIGCHLD code %d status %d", i->si_code, i->si_status);
  count++;
}
static void wait_count(int n) {
  while (count < n) sleep_ms(1);
}

int main(void) {
  pid_t child;
  on_siginfo(SIGCHLD, handler, 0);
  CHILD(child) for (;;) pause();
  say("stop");
  kill(child, SIGSTOP);
  wait_count(1);
  say("continue");
  kill(child, SIGCONT);
  wait_count(2);
  say("kill");
  kill(child, SIGTERM);
  wait_count(3);
  wait_for(child);
  on_siginfo(SIGCHLD, handler, SA_NOCLDSTOP);
  CHILD(child) for (;;) pause();
  say("with SA_NOCLDSTOP");
  kill(child, SIGSTOP);
  wait_state(child, "T");
  int status;
  say("wait still sees it: %d", waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
  kill(child, SIGCONT);
  wait_asleep(child);
  kill(child, SIGKILL);
  wait_count(4);
  wait_for(child);
  block(SIGCHLD);
  pid_t many[3];
  for (int i = 0; i < 3; i++) {
    CHILD(many[i]) _exit(i);
    wait_state(many[i], "Z");
  }
  say("three at once");
  unblock(SIGCHLD);
  say("handled %d", count - 4);
  for (int i = 0; i < 3; i++) say("%s", reap(many[i]));
  return 0;
}
