/* prlimit64(): of another process, who may, and that soft may not exceed hard; all limits are the process's, not a thread's. */
// needs: root
#include "check.h"

struct limit64 { unsigned long long cur, max; };
static long prlimit_(pid_t pid, int which, struct limit64 *new, struct limit64 *old) { return syscall(SYS_prlimit64, pid, which, new, old); }
static void *thread(void *arg) {
  struct limit64 l = { 33, 44 };
  prlimit_(0, RLIMIT_NOFILE, &l, NULL);
  return arg;
}

int main(void) {
  struct limit64 l, n = { 20, 30 };
  struct gate go = new_gate();
  pid_t child, user;
  CHILD(child) {
    pass_gate(&go);
    prlimit_(0, RLIMIT_NOFILE, NULL, &l);
    say("child: %llu %llu", l.cur, l.max);
    _exit(0);
  }
  show("set the child's", prlimit_(child, RLIMIT_NOFILE, &n, &l));
  say("it was as ours: %d", l.cur == 1024);
  prlimit_(child, RLIMIT_NOFILE, NULL, &l);
  say("reads %llu %llu", l.cur, l.max);
  n = (struct limit64){ 40, 30 };
  show("soft over hard", prlimit_(child, RLIMIT_NOFILE, &n, NULL));
  show("bad resource", prlimit_(child, 16, NULL, &l));
  show("negative", prlimit_(child, -1, NULL, &l));
  show("nobody", prlimit_(30000, 0, NULL, &l));
  show("bad new", prlimit_(0, 0, (void *)8, NULL));
  show("bad old", prlimit_(0, 0, NULL, (void *)8));
  show("neither", prlimit_(0, 0, NULL, NULL));
  CHILD(user) {
    uid_t uid = fresh_uid();
    must(setresgid(uid, uid, uid));
    must(setresuid(uid, uid, uid));
    show("user: root's child", prlimit_(child, 0, NULL, &l));
    n = (struct limit64){ 10, 20 };
    show("user: own, down", prlimit_(0, RLIMIT_NOFILE, &n, NULL));
    n.max = 21;
    show("user: own hard limit, up", prlimit_(0, RLIMIT_NOFILE, &n, NULL));
    n = (struct limit64){ 20, 20 };
    show("user: own soft limit, up", prlimit_(0, RLIMIT_NOFILE, &n, NULL));
    _exit(0);
  }
  wait_for(user);
  open_gate(&go);
  wait_for(child);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  prlimit_(0, RLIMIT_NOFILE, NULL, &l);
  say("set in a thread: %llu %llu", l.cur, l.max);
  int fd, last = -1;
  while ((fd = dup(1)) != -1) last = fd;
  say("last descriptor %d, then %s", last, errname(errno));
  show("dup2 beyond", dup2(1, 33));
  return 0;
}
