/* RLIMIT_NPROC: fork() fails with EAGAIN at the limit of the user; zombies and threads count; root is exempt. */
// needs: root
#include "check.h"

static int forks(int wanted, pid_t *pids) {
  int n = 0;
  for (; n < wanted; n++) {
    pids[n] = fork();
    if (pids[n] == 0) {
      for (;;) pause();
    }
    if (pids[n] == -1) break;
  }
  return n;
}

int main(void) {
  pid_t child, pids[20];
  struct rlimit r = { 5, 5 };
  CHILD(child) {
    must(setrlimit(RLIMIT_NPROC, &r));
    int n = forks(10, pids);
    say("root: %d", n);
    for (int i = 0; i < n; i++) kill(pids[i], SIGKILL), wait_for(pids[i]);
    _exit(0);
  }
  wait_for(child);
  CHILD(child) {
    must(setrlimit(RLIMIT_NPROC, &r));
    must(setuid(fresh_uid()));
    int n = forks(10, pids);
    say("user: %d, then %s", n, errname(errno));
    if (n < 1) _exit(1);
    kill(pids[0], SIGKILL);
    wait_state(pids[0], "Z");
    show_ok("with a zombie", fork());
    wait_for(pids[0]);
    pid_t one = fork();
    if (one == 0) _exit(0);
    show_ok("after reaping it", one);
    wait_for(one);
    for (int i = 1; i < n; i++) kill(pids[i], SIGKILL), wait_for(pids[i]);
    _exit(0);
  }
  say("%s", reap(child));
  return 0;
}
