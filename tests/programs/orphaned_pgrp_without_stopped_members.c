/* A group that becomes orphaned gets SIGHUP only if a member is stopped. */
#include "check.h"

static struct gate done;
static void hup(int sig) {
  say("  member: signal %d", sig);
  open_gate(&done);
}
static void scene(const char *name, int stopped) {
  pid_t parent, *member = shared_memory(4096);
  struct gate ready = new_gate();
  say("%s", name);
  CHILD(parent) {
    pid_t m;
    CHILD(m) {
      setpgid(0, 0);
      on_signal(SIGHUP, hup);
      on_signal(SIGCONT, hup);
      *member = getpid();
      open_gate(&ready);
      if (stopped) raise(SIGSTOP);
      for (;;) pause();
    }
    pass_gate(&ready);
    wait_state(*member, stopped ? "T" : "S");
    _exit(0);
  }
  wait_for(parent);
  if (stopped) {
    pass_gate(&done);
    pass_gate(&done);
    wait_asleep(*member);
  } else sleep_ms(10);
  say("  parent %s, %c", getpgid(*member) == *member ? "gone" : "?", state_of(*member));
  kill(*member, SIGKILL);
  for (int i = 0; i < 1000 && kill(*member, 0) == 0; i++) sleep_ms(1);
}

int main(void) {
  own_session();
  done = new_gate();
  scene("running", 0);
  scene("stopped", 1);
  return 0;
}
