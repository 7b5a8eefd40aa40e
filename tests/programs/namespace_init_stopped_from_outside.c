/* SIGSTOP from outside stops a namespace's init, not the others in it; SIGCONT goes on; both are told to the parent. */
// needs: root
#include "check.h"

int main(void) {
  volatile int *count = shared_memory(4096);
  struct gate ready = new_gate(), go = new_gate();
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    pid_t child;
    CHILD(child) {
      for (;;) {
        (*count)++;
        sleep_ms(1);
      }
    }
    open_gate(&ready);
    pass_gate(&go);
    _exit(4);
  }
  pass_gate(&ready);
  wait_asleep((pid_t)c);
  show("SIGSTOP", kill((pid_t)c, SIGSTOP));
  int s;
  must(waitpid((pid_t)c, &s, WUNTRACED));
  say("%s", wait_str(s));
  int before = *count;
  while (*count < before + 3) sleep_ms(1);
  say("state %c, the others go on", state_of((pid_t)c));
  show("SIGCONT", kill((pid_t)c, SIGCONT));
  must(waitpid((pid_t)c, &s, WCONTINUED));
  say("%s", wait_str(s));
  open_gate(&go);
  say("%s", reap((pid_t)c));
  before = *count;
  sleep_ms(5);
  say("the others are gone: %d", *count == before);
  return 0;
}
