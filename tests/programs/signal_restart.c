/* A handler during a blocking call: with SA_RESTART read, write and wait go on; without, EINTR. */
#include "check.h"

static volatile int handled;
static void handler(int sig) {
  (void)sig;
  handled++;
}
static struct gate p;
static pid_t target;

/* Signals the parent as soon as it sleeps, then does what lets its call finish. */
static pid_t prodder(void (*finish)(void)) {
  pid_t child;
  target = getpid();
  handled = 0;
  CHILD(child) {
    wait_asleep(target);
    kill(target, SIGUSR1);
    sleep_ms(20);
    wait_asleep(target);
    finish();
    _exit(3);
  }
  return child;
}
static void feed(void) { must(write(p.fd[1], "x", 1)); }
static void nothing(void) {}
static void poke_once(pid_t *child) {
  target = getpid();
  CHILD(*child) {
    wait_asleep(target);
    kill(target, SIGUSR1);
    for (;;) pause(); /* a dying child would interrupt wait() too */
  }
}
static void end(pid_t child) {
  kill(child, SIGKILL);
  wait_for(child);
}
static void drain(void) {
  char buffer[65536];
  must(read(p.fd[0], buffer, sizeof buffer));
}

static void restarted(void) {
  char c;
  static char block[65536];
  int status;

  pid_t child = prodder(feed);
  show("read", read(p.fd[0], &c, 1));
  wait_for(child);
  say("handled %d", handled);

  child = prodder(nothing);
  show("waitpid", waitpid(child, &status, 0) == child);
  say("handled %d, %s", handled, wait_str(status));

  must(write(p.fd[1], block, sizeof block));
  child = prodder(drain);
  show("write", write(p.fd[1], "y", 1));
  wait_for(child);
  drain();
}

static void interrupted(void) {
  char c;
  static char block[65536];
  pid_t child;
  poke_once(&child);
  show("read", read(p.fd[0], &c, 1));
  end(child);
  poke_once(&child);
  show("waitpid", waitpid(child, NULL, 0));
  end(child);
  must(write(p.fd[1], block, sizeof block));
  poke_once(&child);
  show("write", write(p.fd[1], "y", 1));
  end(child);
}

int main(void) {
  p = new_gate();
  say("SA_RESTART");
  on_signal_flags(SIGUSR1, handler, SA_RESTART);
  restarted();
  say("without");
  on_signal_flags(SIGUSR1, handler, 0);
  interrupted();
  return 0;
}
