/* PR_SET_PDEATHSIG: the child hears of its parent's end. */
#include "check.h"

int main(void) {
  int *got = shared_memory(4096);
  struct gate ready = new_gate(), done = new_gate();
  pid_t child;
  CHILD(child) {
    pid_t grandchild;
    CHILD(grandchild) {
      sigset_t usr2 = set_of(SIGUSR2, 0);
      siginfo_t info;
      block(SIGUSR2);
      must(prctl(PR_SET_PDEATHSIG, SIGUSR2));
      open_gate(&ready);
      *got = sigwaitinfo(&usr2, &info);
      say("signal %d, from the dying parent: %d, code %d", *got, info.si_pid != 0, info.si_code);
      open_gate(&done);
      _exit(0);
    }
    pass_gate(&ready);
    _exit(0);
  }
  wait_for(child);
  pass_gate(&done);
  show("too large", prctl(PR_SET_PDEATHSIG, 65));
  show("64", prctl(PR_SET_PDEATHSIG, 64));
  int value;
  must(prctl(PR_GET_PDEATHSIG, &value));
  say("reads %d", value);
  show("0 turns it off", prctl(PR_SET_PDEATHSIG, 0));
  return 0;
}
