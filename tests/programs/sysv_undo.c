/* What is taken back of semaphores: when, in which order, how far, who shares it, who forgets it. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/sem.h>

union semun_ { int val; unsigned short *array; struct semid_ds *buf; };
static int id, other;
static int op(int set, int num, int by, int flags) {
  struct sembuf b = { (unsigned short)num, (short)by, (short)flags };
  return semop(set, &b, 1);
}
static int value(int set, int num) { return semctl(set, num, GETVAL); }
static void set(int s, int num, int v) { must(semctl(s, num, SETVAL, (union semun_){ .val = v })); }
static void both(const char *what) { say("%s: %d %d %d, %d", what, value(id, 0), value(id, 1), value(id, 2), value(other, 0)); }
static void *thread(void *arg) {
  must(op(id, 0, 5, SEM_UNDO));
  return arg;
}
static int sharer(void *arg) {
  (void)arg;
  op(id, 1, 7, SEM_UNDO);
  return 0;
}
static void sets_undo(void) { must(op(id, 0, 5, SEM_UNDO)); must(op(id, 1, 2, SEM_UNDO)); must(op(other, 0, 3, SEM_UNDO)); }

int main(int argc, char **argv) {
  if (argc > 2) {
    id = atoi(argv[1]);
    other = atoi(argv[2]);
    both("after exec");
    must(op(id, 2, 1, SEM_UNDO));
    _exit(0);
  }
  id = (int)must(semget(IPC_PRIVATE, 3, 0600));
  other = (int)must(semget(IPC_PRIVATE, 1, 0600));
  pid_t pid;
  CHILD(pid) { sets_undo(); both("in the child"); _exit(0); }
  reap(pid);
  both("undone");
  say("sempid is the child's: %d", semctl(id, 0, GETPID) == pid);
  CHILD(pid) { sets_undo(); pause(); }
  while (value(other, 0) != 3) sleep_ms(1);
  must(op(id, 0, 1, 0));
  must(op(id, 0, -1, 0));
  say("sempid is mine: %d", semctl(id, 0, GETPID) == getpid());
  kill(pid, SIGKILL);
  reap(pid);
  both("killed");
  say("sempid is the dead one's: %d", semctl(id, 0, GETPID) == pid);

  CHILD(pid) {
    sets_undo();
    char a[20], b[20];
    sprintf(a, "%d", id);
    sprintf(b, "%d", other);
    execl("/proc/self/exe", "undo", a, b, NULL);
  }
  reap(pid);
  both("exec keeps it");

  CHILD(pid) {
    sets_undo();
    pid_t inner;
    CHILD(inner) { op(id, 2, 1, SEM_UNDO); _exit(0); }
    reap(inner);
    both("a fork has its own");
    _exit(0);
  }
  reap(pid);
  both("both");

  /* How far. */
  set(id, 0, 1);
  CHILD(pid) { op(id, 0, 5, SEM_UNDO); op(id, 0, -4, 0); _exit(0); }
  reap(pid);
  both("not below 0");
  set(id, 0, 10);
  CHILD(pid) { op(id, 0, -10, SEM_UNDO); op(id, 0, 32767, 0); _exit(0); }
  reap(pid);
  both("not above 32767");
  set(id, 0, 5);
  CHILD(pid) { op(id, 0, -2, SEM_UNDO); set(id, 0, 7); op(id, 0, 1, 0); _exit(0); }
  reap(pid);
  both("SETVAL forgets");
  CHILD(pid) {
    op(id, 1, 1, SEM_UNDO);
    op(id, 2, 1, SEM_UNDO);
    unsigned short all[3] = { 1, 2, 3 };
    semctl(id, 0, SETALL, (union semun_){ .array = all });
    _exit(0);
  }
  reap(pid);
  both("SETALL forgets all");
  struct semid_ds d;
  must(semctl(other, 0, IPC_STAT, (union semun_){ .buf = &d }));
  say("ctime %d", d.sem_ctime > 1000);
  must(semctl(id, 0, IPC_STAT, (union semun_){ .buf = &d }));
  say("otime %d", d.sem_otime > 0);
  CHILD(pid) {
    for (int i = 0; i < 3; i++) set(id, i, 0);
    op(id, 0, 1, SEM_UNDO);
    op(id, 0, -1, SEM_UNDO);
    op(id, 0, 5, SEM_UNDO | IPC_NOWAIT);
    show("fails", op(id, 1, -1, SEM_UNDO | IPC_NOWAIT));
    _exit(0);
  }
  reap(pid);
  both("sums");

  /* Whoever waits for it. */
  CHILD(pid) {
    op(id, 0, 2, SEM_UNDO);
    pid_t waits;
    CHILD(waits) {
      say("zero at last: %d", op(id, 0, 0, 0));
      _exit(0);
    }
    wait_asleep(waits);
    _exit(0);
  }
  reap(pid);
  while (semctl(id, 0, GETZCNT)) sleep_ms(1);
  set(id, 0, 1);
  pid_t waits;
  struct gate go = new_gate();
  CHILD(pid) { op(id, 0, -1, SEM_UNDO); open_gate(&go); pause(); _exit(0); }
  pass_gate(&go);
  CHILD(waits) { say("the dead one's: %d", op(id, 0, -1, 0)); _exit(0); }
  wait_asleep(waits);
  kill(pid, SIGKILL);
  reap(pid);
  reap(waits);
  both("taken");

  /* Who shares it. */
  CHILD(pid) {
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    both("the thread has ended");
    _exit(0);
  }
  reap(pid);
  both("the last one has");
  CHILD(pid) {
    pid_t c = (pid_t)must(raw_clone(SIGCHLD, new_stack(), NULL, NULL, NULL, sharer, NULL));
    reap(c);
    both("a clone that shares nothing");
    c = (pid_t)must(raw_clone(SIGCHLD | CLONE_SYSVSEM, new_stack(), NULL, NULL, NULL, sharer, NULL));
    reap(c);
    both("one that shares");
    must(unshare(CLONE_SYSVSEM));
    both("unshare takes back at once");
    must(op(id, 1, 1, SEM_UNDO));
    _exit(0);
  }
  reap(pid);
  both("and what comes then");

  /* Removed sets. */
  CHILD(pid) {
    sets_undo();
    must(semctl(other, 0, IPC_RMID));
    other = (int)must(semget(IPC_PRIVATE, 1, 0600));
    set(other, 0, 4);
    _exit(0);
  }
  reap(pid);
  struct seminfo info;
  other = semctl(semctl(0, 0, SEM_INFO, &info), 0, SEM_STAT, (union semun_){ .buf = &d });
  say("the set in its place: %d", value(other, 0));
  say("the other: %d %d %d", value(id, 0), value(id, 1), value(id, 2));
  show("no such set", op(-1, 0, 1, SEM_UNDO));
  show("bad number", op(id, 9, 1, SEM_UNDO));
  must(semctl(id, 0, IPC_RMID));
  must(semctl(other, 0, IPC_RMID));
  return 0;
}
