/* A handler during a blocking call: with SA_RESTART read, write, wait, flock and futex go on; without, EINTR. */
#include "check.h"
#include <sys/file.h>

static volatile int handled;
static void handler(int sig) {
  (void)sig;
  handled++;
}
static struct gate p;
static pid_t target;

/* Signals the parent twice as soon as it sleeps, then does what lets its call finish. */
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
static void drain(void) {
  char buffer[65536];
  must(read(p.fd[0], buffer, sizeof buffer));
}

static void run(const char *name, int flags) {
  char c;
  on_signal_flags(SIGUSR1, handler, flags);
  say("%s", name);

  pid_t child = prodder(feed);
  long r = read(p.fd[0], &c, 1);
  show("  read", r);
  wait_for(child);
  if (r == -1) must(read(p.fd[0], &c, 1));

  child = prodder(nothing);
  int status;
  r = waitpid(child, &status, 0);
  show("  waitpid", r == child ? 0 : r);
  if (r == -1) wait_for(child);

  static char block[65536];
  must(write(p.fd[1], block, sizeof block));
  child = prodder(drain);
  r = write(p.fd[1], "y", 1);
  show("  write", r);
  wait_for(child);
  drain();
  (void)handled;
}

int main(void) {
  p = new_gate();
  run("SA_RESTART", SA_RESTART);
  for (int i = 0; i < 1; i++) {
    /* Without: the finisher must not wait for us to sleep again, since we do not. */
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    must(sigaction(SIGUSR1, &sa, NULL));
    char c;
    pid_t child;
    target = getpid();
    CHILD(child) {
      wait_asleep(target);
      kill(target, SIGUSR1);
      pause();
    }
    show("no restart: read", read(p.fd[0], &c, 1));
    show("handled", handled > 0);
    kill(child, SIGKILL);
    wait_for(child);
    CHILD(child) {
      wait_asleep(target);
      kill(target, SIGUSR1);
      pause();
    }
    show("no restart: waitpid", waitpid(child, NULL, 0));
    kill(child, SIGKILL);
    wait_for(child);
    static char block[65536];
    must(write(p.fd[1], block, sizeof block));
    CHILD(child) {
      wait_asleep(target);
      kill(target, SIGUSR1);
      pause();
    }
    show("no restart: write", write(p.fd[1], "y", 1));
    kill(child, SIGKILL);
    wait_for(child);
  }
  return 0;
}
