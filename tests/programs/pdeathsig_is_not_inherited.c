/* The death signal: cleared in a child, kept over an ordinary exec, lost with a change of the effective user. */
// needs: root
#include "check.h"

static int value(void) {
  int v = -1;
  must(prctl(PR_GET_PDEATHSIG, &v));
  return v;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("%s: %d", argv[1], value());
    return 0;
  }
  char self[PATH_MAX];
  must(realpath("/proc/self/exe", self) ? 0 : -1);
  must(prctl(PR_SET_PDEATHSIG, SIGUSR1));
  pid_t child;
  CHILD(child) {
    say("child: %d", value());
    must(prctl(PR_SET_PDEATHSIG, SIGHUP));
    execl(self, argv[0], "after exec", NULL);
    _exit(1);
  }
  say("%s, own %d", reap(child), value());
  CHILD(child) {
    must(prctl(PR_SET_PDEATHSIG, SIGHUP));
    must(setresuid(fresh_uid(), -1, -1));
    say("after a change of the real user: %d", value());
    must(prctl(PR_SET_PDEATHSIG, SIGHUP));
    must(setresuid(-1, fresh_uid(), -1));
    say("of the effective user: %d", value());
    _exit(0);
  }
  say("%s", reap(child));
  CHILD(child) {
    must(prctl(PR_SET_PDEATHSIG, SIGHUP));
    must(setresgid(-1, 777, -1));
    say("of the effective group: %d", value());
    _exit(0);
  }
  say("%s", reap(child));
  show("bad pointer", prctl(PR_GET_PDEATHSIG, 8));
  return 0;
}
