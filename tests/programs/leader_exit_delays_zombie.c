/* The leader's end is not told while other threads live: state Z, yet nothing to wait for and no SIGCHLD. */
#include "check.h"

static volatile int chld;
static void handler(int sig) {
  (void)sig;
  chld++;
}
static struct gate go;
static void *worker(void *arg) {
  (void)arg;
  pass_gate(&go);
  syscall(SYS_exit_group, 7);
  return NULL;
}

int main(void) {
  on_signal(SIGCHLD, handler);
  go = new_gate();
  pid_t child;
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, worker, NULL);
    syscall(SYS_exit, 3);
  }
  wait_state(child, "Z");
  show("WNOHANG", waitpid(child, NULL, WNOHANG));
  show("kill 0", kill(child, 0));
  say("SIGCHLD so far %d", chld);
  open_gate(&go);
  const char *end = reap(child);
  say("worker ended by exit_group(7): %s, SIGCHLD %d", end, chld);
  return 0;
}
