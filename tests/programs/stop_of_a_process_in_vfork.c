/* A process is stopped when all of its threads are, so not while one waits for its vfork child: the parent hears of a
 * stop that is cut short by SIGCONT, and of a whole one when it is.
 */
#include "check.h"

static struct gate go;
static volatile pid_t *other;
static void *sleeps(void *arg) {
  *other = gettid_();
  for (;;) pause();
  return arg;
}
/* Without a memory in common the child may do what it likes. */
static void stopped_in_vfork(void) {
  pthread_t t;
  pthread_create(&t, NULL, sleeps, NULL);
  if (!must(syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0))) {
    pass_gate(&go);
    _exit(0);
  }
  for (;;) pause();
}
static void hears(const char *what) {
  static const struct timespec moment = {0, 50000000};
  sigset_t set = set_of(SIGCHLD, 0);
  siginfo_t info;
  if (sigtimedwait_(&set, &info, &moment) == -1) say("%s: nothing", what);
  else say("%s: code %d, status %d", what, info.si_code, info.si_status);
}
static void waits(pid_t pid) {
  int status, r = waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED);
  say("  wait: %s", r == 0 ? "nothing" : wait_str(status));
}

int main(void) {
  block(SIGCHLD);
  go = new_gate();
  other = shared_memory(sizeof *other);
  pid_t pid;
  CHILD(pid) stopped_in_vfork();
  wait_state(pid, "D");
  wait_asleep(*other);
  must(tgkill_(pid, *other, SIGSTOP));
  wait_state(*other, "T");
  hears("stopping"), waits(pid);
  must(kill(pid, SIGCONT));
  hears("cut short"), waits(pid);
  must(tgkill_(pid, *other, SIGSTOP));
  wait_state(*other, "T");
  hears("stopping again"), waits(pid);
  open_gate(&go);
  hears("all stopped"), waits(pid);
  must(kill(pid, SIGCONT));
  hears("continued"), waits(pid);
  must(kill(pid, SIGKILL));
  hears("killed"), waits(pid);
  return 0;
}
