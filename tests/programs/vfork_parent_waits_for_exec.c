/* The parent of a vfork child sleeps uninterruptibly until the child executes a program or exits. */
#include "check.h"

int main(int argc, char **argv) {
  if (argc > 1) {
    sleep_ms(10);
    return write(9, "x", 1) != 1;
  }
  struct gate go = new_gate(), alive = new_gate();
  must(dup2(alive.fd[1], 9));
  pid_t *vforked = shared_memory(4096);
  pid_t middle;
  CHILD(middle) {
    pid_t v = vfork();
    if (v == 0) {
      *vforked = (pid_t)syscall(SYS_getpid);
      char c;
      if (read(go.fd[0], &c, 1) != 1) _exit(2);
      execl(argv[0], argv[0], "child", NULL);
      _exit(1);
    }
    say("vfork returned; child %s", reap(v));
    _exit(0);
  }
  while (!*(volatile pid_t *)vforked) sleep_ms(1);
  wait_state(middle, "D");
  say("parent is %c", state_of(middle));
  must(kill(middle, SIGTERM));
  wait_state(*vforked, "S");
  say("child is %c", state_of(*vforked));
  open_gate(&go);
  say("the signal that came meanwhile took effect afterwards: %s", reap(middle));
  pass_gate(&alive);
  say("the child was executed and lives on");
  return 0;
}
