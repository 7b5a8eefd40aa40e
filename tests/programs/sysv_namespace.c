/* Namespaces of System V objects: what is inside, what stays attached, what is taken back, what goes with the last one. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static int lines(const char *name) {
  char path[50], text[4000];
  snprintf(path, sizeof path, "/proc/sysvipc/%s", name);
  int fd = (int)must(open(path, O_RDONLY)), count = 0;
  ssize_t n = must(read(fd, text, sizeof text));
  for (int i = 0; i < n; i++) count += text[i] == '\n';
  close(fd);
  return count - 1;
}
static void have(const char *what) { say("%s: %d segments, %d sets, %d queues", what, lines("shm"), lines("sem"), lines("msg")); }
static int op(int id, int by, int flags) {
  struct sembuf b = { 0, (short)by, (short)flags };
  return semop(id, &b, 1);
}

int main(void) {
  must(unshare(CLONE_NEWIPC));
  have("new");
  int s = (int)must(semget(1, 1, IPC_CREAT | 0600)), q = (int)must(msgget(1, IPC_CREAT | 0600));
  int m = (int)must(shmget(1, 8192, IPC_CREAT | 0600));
  say("first: %d %d %d", s, q, m);
  char *p = shmat(m, NULL, 0);
  p[0] = 3;
  have("mine");
  int old_table = (int)must(open("/proc/sysvipc/sem", O_RDONLY));
  int old_ns = (int)must(open("/proc/self/ns/ipc", O_RDONLY));
  pid_t pid;
  struct gate here = new_gate(), go = new_gate();
  CHILD(pid) {
    must(op(s, 5, SEM_UNDO));
    say("before: %d", semctl(s, 0, GETVAL));
    must(unshare(CLONE_NEWIPC));
    open_gate(&here);
    pass_gate(&go);
    have("another");
    show("same number", semctl(s, 0, GETVAL));
    say("first again: %d %d %d", semget(IPC_PRIVATE, 1, 0600), msgget(IPC_PRIVATE, 0600), shmget(IPC_PRIVATE, 1, 0600));
    say("what was attached is: %d", p[0]);
    p[0] = 4;
    char text[4000];
    ssize_t n = read(old_table, text, sizeof text);
    int count = 0;
    for (int i = 0; i < n; i++) count += text[i] == '\n';
    say("the open table is the old one's: %d", count - 1);
    int left = (int)must(semget(IPC_PRIVATE, 1, 0600));
    must(op(left, 1, SEM_UNDO));
    pid_t inner;
    struct gate gone = new_gate();
    CHILD(inner) {
      pass_gate(&gone);
      say("setns takes back: %d", semctl(left, 0, GETVAL));
      _exit(0);
    }
    must(syscall(SYS_setns, old_ns, CLONE_NEWIPC));
    open_gate(&gone);
    reap(inner);
    have("back again");
    show("same number", semctl(s, 0, GETVAL));
    _exit(0);
  }
  pass_gate(&here);
  say("unshare takes back: %d", semctl(s, 0, GETVAL));
  open_gate(&go);
  reap(pid);
  say("written in another: %d", p[0]);

  /* The last one goes, but the memory is attached. */
  CHILD(pid) {
    must(unshare(CLONE_NEWIPC));
    int id = (int)must(shmget(1, 4096, IPC_CREAT | 0600));
    must(semget(1, 5, IPC_CREAT | 0600));
    struct { long type; char c; } one = { 1, 'x' };
    must(msgsnd((int)must(msgget(1, IPC_CREAT | 0600)), &one, 1, 0));
    char *a = shmat(id, NULL, 0);
    a[0] = 9;
    must(unshare(CLONE_NEWIPC));
    say("nobody lives there, the memory does: %d", a[0]);
    a[4095] = 1;
    pid_t inner;
    CHILD(inner) { a[1] = 8; _exit(a[0]); }
    say("a child: %s", reap(inner));
    say("what it wrote: %d", a[1]);
    show("detach", shmdt(a));
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    pid_t inner = (pid_t)must(clone_fork(CLONE_NEWIPC | SIGCHLD));
    if (!inner) {
      have("by clone");
      must(shmget(1, 4096, IPC_CREAT | 0600));
      _exit(0);
    }
    reap(inner);
    have("the parent");
    show("not with SYSVSEM", clone_fork(CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD));
    must(setuid(65534));
    show("not for everybody", unshare(CLONE_NEWIPC));
    show("nor this way", clone_fork(CLONE_NEWIPC | SIGCHLD));
    show("SYSVSEM may", unshare(CLONE_SYSVSEM));
    _exit(0);
  }
  reap(pid);
  have("at the end");
  show("keys are another's", shmget(2, 1, 0));
  return 0;
}
