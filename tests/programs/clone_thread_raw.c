/* A thread made by clone(2): same PID, own TID, cleared TID word and futex wake at its end, no zombie. */
#include "check.h"

static volatile pid_t seen_pid, seen_tid, seen_ppid;
static int word;

static int thread(void *arg) {
  (void)arg;
  seen_pid = (pid_t)syscall(SYS_getpid);
  seen_tid = (pid_t)syscall(SYS_gettid);
  seen_ppid = (pid_t)syscall(SYS_getppid);
  return 5;
}

int main(void) {
  unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                        CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  int tid = 0;
  word = -1;
  long r = raw_clone(flags, new_stack(), &tid, &word, NULL, thread, NULL);
  while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 0) futex(&word, F_WAIT, -1, NULL);
  say("clone gave the tid: %d %d", r == tid, r == seen_tid);
  say("same pid: %d, same parent: %d, other tid: %d", seen_pid == getpid(), seen_ppid == getppid(), seen_tid != gettid_());
  show("no zombie to wait for", waitpid((pid_t)r, NULL, __WALL));
  while (tgkill_(getpid(), (pid_t)r, 0) == 0) sleep_ms(1);
  show("its tid is gone", tgkill_(getpid(), (pid_t)r, 0));
  return 0;
}
