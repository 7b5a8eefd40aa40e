/* An ignored signal, or a stop and continue, does not end a sleeping call. */
#include "check.h"

static pid_t target;

static void test(const char *name, void (*prod)(void)) {
  struct gate p = new_gate();
  pid_t child;
  char c;
  target = getpid();
  CHILD(child) {
    wait_asleep(target);
    prod();
    sleep_ms(10);
    wait_asleep(target);
    must(write(p.fd[1], "x", 1));
    _exit(0);
  }
  show(name, read(p.fd[0], &c, 1));
  wait_for(child);
}
static void ignored(void) { kill(target, SIGUSR1); }
static void default_ignored(void) { kill(target, SIGWINCH); }
static void stopped(void) {
  kill(target, SIGSTOP);
  wait_state(target, "T");
  kill(target, SIGCONT);
}

int main(void) {
  on_signal(SIGUSR1, SIG_IGN);
  test("ignored", ignored);
  test("ignored by default", default_ignored);
  test("stopped and continued", stopped);
  return 0;
}
