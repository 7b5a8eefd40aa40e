/* Sleepers on semaphores: who goes first, what a call does at once, what they are told, signals and timeouts. */
// differs: since 3.10 sleepers wait in order of arrival, zero-waiters last, and GETNCNT counts only the operation that blocks
#include "check.h"
#include <sys/ipc.h>
#include <sys/sem.h>

union semun_ { int val; unsigned short *array; struct semid_ds *buf; };
static int id;
static int op(int num, int by, int flags) {
  struct sembuf b = { (unsigned short)num, (short)by, (short)flags };
  return semop(id, &b, 1);
}
static int value(int num) { return semctl(id, num, GETVAL); }
static void set(int num, int v) { must(semctl(id, num, SETVAL, (union semun_){ .val = v })); }
static int *order, *next;
/* A child that makes one call and notes when it came back and with what. */
static pid_t sleeper(int name, struct sembuf *ops, int n) {
  pid_t pid;
  CHILD(pid) {
    int r = semop(id, ops, (size_t)n);
    int e = errno;
    int slot = __sync_fetch_and_add(next, 1);
    order[2 * slot] = name;
    order[2 * slot + 1] = r ? e : 0;
    _exit(0);
  }
  wait_asleep(pid);
  return pid;
}
static pid_t one(int name, int num, int by, int flags) {
  struct sembuf b = { (unsigned short)num, (short)by, (short)flags };
  return sleeper(name, &b, 1);
}
static void tell(const char *what, int n) {
  for (int i = 0; i < n; i++) wait(NULL);
  char line[300];
  int at = snprintf(line, sizeof line, "%s:", what);
  for (int name = 1; name <= n; name++)  /* whoever came back first: that is the scheduler's business */
    for (int i = 0; i < *next; i++)
      if (order[2 * i] == name)
        at += snprintf(line + at, sizeof line - (size_t)at, " %d %s", name, order[2 * i + 1] ? errname(order[2 * i + 1]) : "ok");
  say("%s, values %d %d %d", line, value(0), value(1), value(2));
  *next = 0;
}
static void nothing(int sig) { (void)sig; }

int main(void) {
  order = shared_memory(4096);
  next = order + 1000;
  id = (int)must(semget(IPC_PRIVATE, 3, 0600));

  one(1, 0, -3, 0); one(2, 0, -1, 0); one(3, 0, -2, 0);
  say("waiting: %d", semctl(id, 0, GETNCNT));
  must(op(0, 1, 0));
  wait_for(-1);
  say("the small one passes: %d", order[0]);
  *next = 0;
  show("a newcomer passes too", op(0, 1, 0) ? -1 : op(0, -1, 0));
  must(op(0, 6, 0));
  say("the others: %d", wait(NULL) > 0 && wait(NULL) > 0);
  *next = 0;
  set(0, 0);

  set(1, 1);
  pid_t oldest = one(1, 1, 0, 0);
  one(2, 1, 0, 0);
  say("for zero: %d", semctl(id, 1, GETZCNT));
  must(op(1, -1, 0));
  say("the newest was done first: %d", semctl(id, 1, GETPID) == oldest);
  for (int i = 0; i < 2; i++) wait(NULL);
  *next = 0;

  /* A decrement and zero-waiters on one semaphore. */
  set(1, 0);
  one(1, 1, -1, 0);
  must(op(1, 1, 0));
  tell("taken at once", 1);

  /* Several operations: all or none, in order. */
  struct sembuf both[2] = { { 0, -1, 0 }, { 1, -1, 0 } };
  sleeper(1, both, 2);
  must(op(0, 1, 0));
  say("one of two: %d %d, waiting %d %d", value(0), value(1), semctl(id, 0, GETNCNT), semctl(id, 1, GETNCNT));
  must(op(0, -1, 0));
  must(op(1, 1, 0));
  say("somebody has taken the first: %d %d", value(0), value(1));
  must(op(0, 1, 0));
  tell("both", 1);

  struct sembuf chain[3] = { { 0, 1, 0 }, { 0, -1, 0 }, { 2, -1, 0 } };
  sleeper(1, chain, 3);
  say("nothing is seen of it: %d", value(0));
  must(op(2, 1, 0));
  tell("chain", 1);

  struct sembuf twice[2] = { { 2, -1, 0 }, { 2, -1, 0 } };
  sleeper(1, twice, 2);
  say("counted for each: %d", semctl(id, 2, GETNCNT));
  must(op(2, 2, 0));
  tell("twice", 1);

  /* Errors that a sleeper is told. */
  struct sembuf nowait[2] = { { 0, -1, 0 }, { 1, -1, IPC_NOWAIT } };
  sleeper(1, nowait, 2);
  must(op(0, 1, 0));
  tell("the next one would block", 1);
  struct sembuf range[2] = { { 0, -2, 0 }, { 1, 1, 0 } };
  set(1, 32767);
  sleeper(1, range, 2);
  must(op(0, 1, 0));
  tell("too large", 1);
  set(0, 0); set(1, 0);

  /* SETVAL and SETALL. */
  one(1, 0, -1, 0); one(2, 1, -1, 0);
  unsigned short all[3] = { 1, 1, 5 };
  must(semctl(id, 0, SETALL, (union semun_){ .array = all }));
  tell("SETALL", 2);

  /* A chain of wakes. */
  set(2, 0);
  struct sembuf a[2] = { { 0, -1, 0 }, { 1, 1, 0 } }, b[2] = { { 1, -1, 0 }, { 2, 1, 0 } };
  one(3, 2, -1, 0);
  sleeper(2, b, 2);
  sleeper(1, a, 2);
  must(op(0, 1, 0));
  tell("chain of three", 3);

  /* Who was passed over goes on when a later one has changed something. */
  for (int i = 0; i < 3; i++) set(i, i == 0);
  struct sembuf drained[2] = { { 0, 0, 0 }, { 2, 1, 0 } };
  sleeper(1, drained, 2);
  one(2, 0, -2, 0);
  must(op(0, 1, 0));
  tell("both", 2);

  /* Pids. */
  pid_t pid;
  CHILD(pid) { op(0, 1, 0); _exit(0); }
  wait_for(pid);
  say("sempid is child %d", semctl(id, 0, GETPID) == pid);
  set(0, 0);
  say("SETVAL: mine %d", semctl(id, 0, GETPID) == getpid());
  CHILD(pid) { op(0, 0, 0); _exit(0); }
  wait_for(pid);
  say("a passed wait for zero: %d", semctl(id, 0, GETPID) == pid);

  /* Signals and timeouts. */
  on_signal_flags(SIGUSR1, nothing, SA_RESTART);
  pid = one(1, 0, -1, 0);
  kill(pid, SIGUSR1);
  tell("a signal, SA_RESTART", 1);
  pid = one(1, 0, -1, 0);
  kill(pid, SIGSTOP);
  wait_state(pid, "T");
  kill(pid, SIGCONT);
  tell("stop and continue", 1);
  pid = one(1, 0, -1, 0);
  kill(pid, SIGKILL);
  say("killed: %s", reap(pid));
  show("nobody waits", semctl(id, 0, GETNCNT));
  struct sembuf w = { 0, -1, 0 };
  struct timespec t = { 0, 0 };
  show("timeout 0", semtimedop(id, &w, 1, &t));
  t.tv_nsec = 2000000;
  show("timeout", semtimedop(id, &w, 1, &t));
  t.tv_nsec = 1000000000;
  show("not a time", semtimedop(id, &w, 1, &t));
  t = (struct timespec){ -1, 0 };
  show("negative", semtimedop(id, &w, 1, &t));
  show("not there", semtimedop(id, &w, 1, (void *)8));
  t = (struct timespec){ 1000, 0 };
  CHILD(pid) { sleep_ms(5); op(0, 1, 0); _exit(0); }
  show("in time", semtimedop(id, &w, 1, &t));
  wait_for(pid);
  set(1, 1);
  one(1, 0, -1, 0); one(2, 2, -9, 0); one(3, 1, 0, 0);
  must(semctl(id, 0, IPC_RMID));
  for (int i = 0; i < 3; i++) wait(NULL);
  for (int i = 0; i < 3; i++) say("removed: %s", errname(order[2 * i + 1]));
  return 0;
}
