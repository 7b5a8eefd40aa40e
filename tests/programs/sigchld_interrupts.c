/* SIGCHLD by default interrupts nothing; with a handler it interrupts a sleep, and wait() itself restarts or not. */
#include "check.h"

static volatile int chld;
static void handler(int sig) {
  (void)sig;
  chld++;
}
static void child_that_ends(void) {
  pid_t me = getpid(), child;
  CHILD(child) {
    wait_asleep(me);
    _exit(1);
  }
}

int main(void) {
  struct gate g = new_gate();
  char c;
  child_that_ends();
  struct timespec t = { 0, 20000000 };
  show("default: nanosleep", nanosleep(&t, NULL));
  wait_for(-1);
  on_signal(SIGCHLD, handler);
  child_that_ends();
  struct timespec day = { 86400, 0 };
  show("handler: nanosleep", nanosleep(&day, NULL));
  wait_for(-1);
  child_that_ends();
  show("handler: read", read(g.fd[0], &c, 1));
  wait_for(-1);
  pid_t lives;
  CHILD(lives) for (;;) pause();
  child_that_ends();
  int s = 0;
  show("handler: waiting for another child", waitpid(lives, &s, 0));
  wait_for(-1);
  child_that_ends();
  say("waiting for the one that ends: %d", waitpid(-1, &s, 0) > 0);
  on_signal_flags(SIGCHLD, handler, SA_RESTART);
  pid_t me = getpid(), child;
  CHILD(child) {
    wait_asleep(me);
    pid_t sibling_ends = lives;
    pid_t grandchild;
    CHILD(grandchild) {
      sleep_ms(5);
      kill(sibling_ends, SIGKILL);
      _exit(0);
    }
    _exit(2);
  }
  say("SA_RESTART: goes on until %s", reap(lives));
  say("%s", reap(child));
  say("handled %d", chld >= 4);
  return 0;
}
