/* A namespace's init that ignores SIGCHLD leaves no zombies, not of orphans either; kill(-1) from inside spares it. */
// needs: root
#include "check.h"

int main(void) {
  long c = must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (c == 0) {
    on_signal(SIGCHLD, SIG_IGN);
    struct gate made = new_gate();
    pid_t child;
    for (int i = 0; i < 3; i++) {
      CHILD(child) {
        pid_t orphan;
        CHILD(orphan) {
          open_gate(&made);
          for (;;) pause();
        }
        _exit(0);
      }
    }
    for (int i = 0; i < 3; i++) pass_gate(&made);
    CHILD(child) {
      for (int i = 0; i < 200; i++) {
        if (kill(-1, SIGKILL) == -1 && errno == ESRCH) break;
        sleep_ms(1);
      }
      show("nobody left but init: kill(-1)", kill(-1, 0));
      _exit(0);
    }
    show("init waits for all", waitpid(-1, NULL, 0));
    show("kill(-1) by init, alone", kill(-1, SIGKILL));
    _exit(8);
  }
  say("%s", reap((pid_t)c));
  return 0;
}
