/* exec from a thread of a process whose leader has ended: the program has the leader's PID and is alive again. */
#include "check.h"

static char **args, self[PATH_MAX];
static void *executes(void *arg) {
  wait_state(getpid(), "Z");
  char pid[20];
  snprintf(pid, sizeof pid, "%d", getpid());
  execl(self, args[0], pid, NULL); /* /proc/self/exe is the leader's: gone */
  return arg;
}

int main(int argc, char **argv) {
  args = argv;
  if (argc > 1) {
    say("same pid %d, tid is pid %d, state %c", getpid() == atoi(argv[1]), gettid_() == getpid(), state_of(getpid()));
    return 6;
  }
  pid_t child;
  must(readlink("/proc/self/exe", self, sizeof self - 1));
  struct gate go = new_gate();
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, executes, NULL);
    syscall(SYS_exit, 3);
  }
  say("%s", reap(child));
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, executes, NULL);
    pass_gate(&go);
    syscall(SYS_exit, 3);
  }
  sleep_ms(2);
  show("nothing to wait for before", waitpid(child, NULL, WNOHANG));
  open_gate(&go);
  say("%s", reap(child));
  return 0;
}
