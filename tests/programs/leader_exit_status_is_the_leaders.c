/* When the leader ends first and the last thread by plain exit(2), the status of the process is the leader's. */
// differs: since 5.17 the last thread's exit code counts; in 3.2 it is the leader's own (wait_task_zombie)
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
  syscall(SYS_exit, 7);
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
  say("worker ended by exit(7): %s, SIGCHLD %d", end, chld);
  return 0;
}
