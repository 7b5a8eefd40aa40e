/* exec of a process that shares memory: the word of CLONE_CHILD_CLEARTID is cleared and woken, our memory stays. */
#include "check.h"

static int word = 5;
static volatile int mine = 1;
static int executes(void *unused) {
  (void)unused;
  sleep_ms(5);
  char *args[] = { "sh", "-c", "exit 3", NULL };
  execve("/bin/sh", args, args + 3);
  return 9;
}

int main(void) {
  long c = raw_clone(CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, new_stack(), NULL, &word, NULL, executes, NULL);
  struct timespec t = { 5, 0 };
  long r = futex(&word, F_WAIT, 5, &t);
  say("woken %d, word %d, memory %d", r == 0 || errno == EAGAIN, word, mine);
  say("%s", reap((pid_t)c));
  return 0;
}
