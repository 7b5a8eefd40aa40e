/* A zombie may still be put in a group, join one, and leaves it when it is reaped. */
#include "check.h"

int main(void) {
  own_session();
  pid_t zombie, other, executed;
  CHILD(zombie) _exit(0);
  wait_state(zombie, "Z");
  show("its own group", setpgid(zombie, zombie));
  say("is there: %d", getpgid(zombie) == zombie);
  show("the group takes signals", kill(-zombie, 0));
  CHILD(other) for (;;) pause();
  show("another process joins it", setpgid(other, zombie));
  wait_for(zombie);
  show("the group outlives the zombie", kill(-zombie, 0));
  show("reaped: setpgid", setpgid(zombie, zombie));
  struct gate g = new_gate();
  CHILD(executed) {
    close(g.fd[0]);
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  close(g.fd[1]);
  char c;
  must(read(g.fd[0], &c, 1));
  wait_state(executed, "Z");
  show("a zombie that had executed a program", setpgid(executed, executed));
  wait_for(executed);
  kill(other, SIGKILL);
  wait_for(other);
  show("the group is gone", kill(-zombie, 0));
  return 0;
}
