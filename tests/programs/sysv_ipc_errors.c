/* What is checked of each call, in which order: identifiers, keys, permissions, sizes, addresses. */
// differs: since 5.x identifiers are taken in turn, and SHM_STAT_ANY and its kin exist; IPC_STAT looks at the buffer late
#include "check.h"
#include <grp.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define BAD ((void *)8)
static char big[70000];
static long sem(int id, int num, int cmd, void *arg) { return syscall(SYS_semctl, id, num, cmd, arg); }
static long shm(int id, int cmd, void *buf) { return syscall(SYS_shmctl, id, cmd, buf); }
static long msg(int id, int cmd, void *buf) { return syscall(SYS_msgctl, id, cmd, buf); }

static void keys(void) {
  key_t k = 77;
  show("no key", shmget(k, 1, 0600));
  show("only EXCL", shmget(k, 1, IPC_EXCL | 0600));
  int id = (int)must(shmget(k, 5000, IPC_CREAT | 0600));
  say("EXCL alone finds it: %d", shmget(k, 0, IPC_EXCL) == id);
  show("there", shmget(k, 99999, IPC_CREAT | IPC_EXCL | 0600));
  show("smaller than that", shmget(k, 5001, 0));
  say("larger: %d", shmget(k, 5000, 0600) == id);
  say("no limit is looked at: %d", shmget(k, 0, IPC_CREAT) == id);
  must(shm(id, IPC_RMID, NULL));
  show("size 0", shmget(k, 0, IPC_CREAT | 0600));
  show("size -1", syscall(SYS_shmget, k, -1L, IPC_CREAT | 0600));
  show("above shmmax", shmget(k, 33554433, IPC_CREAT | 0600));
  show("no such huge pages", shmget(k, 2 << 20, IPC_CREAT | SHM_HUGETLB | 0600));
  show("removed", shm(id, IPC_RMID, NULL));
  show("negative", shm(-1, IPC_RMID, NULL));
  show("never made", shm(5, IPC_RMID, NULL));
  show("a wrong number", shm(32768 * 60000, IPC_RMID, NULL));

  show("sem: negative", semget(k, -1, IPC_CREAT | 0600));
  show("sem: none", semget(k, 0, IPC_CREAT | 0600));
  show("sem: above semmsl", semget(k, 251, IPC_CREAT | 0600));
  id = (int)must(semget(k, 3, IPC_CREAT | 0600));
  show("sem: fewer", semget(k, 4, 0));
  show("sem: above semmsl, though it is there", semget(k, 251, 0));
  say("sem: 0 finds it: %d", semget(k, 0, 0) == id);
  show("sem: EXCL", semget(k, 251, IPC_CREAT | IPC_EXCL));
  must(sem(id, 0, IPC_RMID, NULL));
  id = (int)must(msgget(k, IPC_CREAT | 0600));
  say("msg: there %d", msgget(k, IPC_CREAT) == id);
  show("msg: EXCL", msgget(k, IPC_CREAT | IPC_EXCL));
  must(msg(id, IPC_RMID, NULL));
}

static void numbers(void) {
  int a = (int)must(semget(IPC_PRIVATE, 1, 0600)), b = (int)must(semget(IPC_PRIVATE, 1, 0600));
  say("next index %d, next number %d", b % 32768 - a % 32768, b / 32768 - a / 32768);
  must(sem(a, 0, IPC_RMID, NULL));
  int c = (int)must(semget(IPC_PRIVATE, 1, 0600));
  say("its index again %d, number %d", c % 32768 - a % 32768, c / 32768 - a / 32768);
  show("the old one", sem(a, 0, GETVAL, NULL));
  struct semid_ds d;
  say("by index: %d", sem(c % 32768, 0, SEM_STAT, &d) == c);
  say("by a stale one: %d", sem(a, 0, SEM_STAT, &d) == c);
  say("highest index: %d", sem(0, 0, SEM_INFO, big) == b % 32768);
  must(sem(b, 0, IPC_RMID, NULL));
  say("afterwards: %d", sem(0, 0, SEM_INFO, big) == c % 32768);
  must(sem(c, 0, IPC_RMID, NULL));
  show("none", sem(0, 0, SEM_INFO, big));
  show("INFO of -1", sem(-1, 0, SEM_INFO, big));
}

static void semaphores(void) {
  int id = (int)must(semget(IPC_PRIVATE, 3, 0600));
  struct sembuf b[3] = { { 0, 1, 0 }, { 3, 0, 0 }, { 0, 0, 0 } };
  struct timespec bad = { 0, -1 };
  show("semop: 0 operations", semop(id, b, 0));
  show("semop: negative", semop(-1, BAD, 1));
  show("semop: 33", semop(id, BAD, 33));
  show("semop: not there", semop(99, BAD, 1));
  show("semop: no timeout", semtimedop(99, b, 1, BAD));
  show("semop: bad timeout", semtimedop(99, b, 1, &bad));
  show("semop: no such set", semop(99, b, 1));
  show("semop: number 3", semop(id, b, 2));
  b[0] = (struct sembuf){ 0, -5, IPC_NOWAIT };
  show("semop: first number, then value", semop(id, b, 2));
  show("semop: would block", semop(id, b, 1));
  b[0] = (struct sembuf){ 0, 32767, 0 };
  b[1] = (struct sembuf){ 0, 1, 0 };
  show("semop: too large", semop(id, b, 2));
  show("nothing was done", sem(id, 0, GETVAL, NULL));
  b[0] = (struct sembuf){ 0, 20000, SEM_UNDO };
  b[1] = (struct sembuf){ 0, -20000, 0 };
  b[2] = (struct sembuf){ 0, 20000, SEM_UNDO };
  show("semop: undo is looked at as it was", semop(id, b, 3));
  must(sem(id, 0, SETVAL, 0));
  b[0] = (struct sembuf){ 1, 30000, SEM_UNDO };
  must(semop(id, b, 1));
  must(sem(id, 1, SETVAL, 0));  /* forgets it */
  must(semop(id, b, 1));
  b[0] = (struct sembuf){ 1, -30000, 0 };
  must(semop(id, b, 1));
  b[0] = (struct sembuf){ 1, 3000, SEM_UNDO };
  show("semop: too much to take back", semop(id, b, 1));

  show("GETVAL 3", sem(id, 3, GETVAL, NULL));
  show("GETVAL -1", sem(id, -1, GETVAL, NULL));
  show("SETVAL -1", sem(id, 0, SETVAL, (void *)-1L));
  show("SETVAL 32768", sem(id, 0, SETVAL, (void *)32768));
  show("SETVAL: the lower half counts", sem(id, 0, SETVAL, (void *)0x700000005));
  show("value", sem(id, 0, GETVAL, NULL));
  show("SETVAL of 9", sem(id, 9, SETVAL, (void *)99999));
  show("GETALL into nothing", sem(id, -7, GETALL, BAD));
  show("SETALL from nothing", sem(id, -7, SETALL, BAD));
  unsigned short all[3] = { 1, 32768, 2 };
  show("SETALL 32768", sem(id, 0, SETALL, all));
  show("value", sem(id, 0, GETVAL, NULL));
  show("STAT into nothing", sem(id, 0, IPC_STAT, BAD));
  show("STAT of nothing", sem(99, 0, IPC_STAT, BAD));
  show("SET from nothing, of nothing", sem(99, 0, IPC_SET, BAD));
  show("INFO into nothing", sem(0, 0, IPC_INFO, BAD));
  show("unknown command, of nothing", sem(99, 0, 21, NULL));
  show("a command with a version", sem(id, 0, GETVAL | 0x100, NULL));
  show("later's STAT_ANY", sem(id, 0, 20, big));
  must(sem(id, 0, IPC_RMID, NULL));
  show("removed", semop(id, b, 1));
}

static void messages(void) {
  int id = (int)must(msgget(IPC_PRIVATE, 0600));
  struct { long type; char text[100]; } m = { 1, "text" };
  show("msgsnd: not there", msgsnd(-1, BAD, 99999, 0));
  m.type = 0;
  show("msgsnd: size", msgsnd(99, &m, 8193, 0));
  show("msgsnd: size -1", msgsnd(id, &m, (size_t)-1, 0));
  show("msgsnd: type 0", msgsnd(99, &m, 1, 0));
  m.type = 1;
  show("msgsnd: no such queue", msgsnd(99, &m, 1, 0));
  show("msgsnd: negative", msgsnd(-1, &m, 1, 0));
  struct { long type; } *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap((char *)end + 4096, 4096);
  end = (void *)((char *)end + 4096 - 8);
  end->type = 5;
  show("msgsnd: text is not there, nor the queue", msgsnd(99, end, 1, 0));
  show("msgsnd: no text", msgsnd(id, end, 0, 0));
  show("msgrcv: size -1", msgrcv(id, &m, (size_t)-1, 0, 0));
  show("msgrcv: negative", msgrcv(-1, &m, 1, 0, 0));
  show("msgrcv: no such queue", msgrcv(99, BAD, 1, 0, 0));
  show("msgrcv: to nowhere, of no type", msgrcv(id, BAD, 1, 1, IPC_NOWAIT));
  show("msgrcv: to nowhere", msgrcv(id, BAD, 1, 0, IPC_NOWAIT));
  show("msgrcv: it is lost", msgrcv(id, &m, 1, 0, IPC_NOWAIT));
  must(msgsnd(id, &m, 4, 0));
  m.type = 99;
  show("msgrcv: room for the type alone", msgrcv(id, end, 4, 0, IPC_NOWAIT));
  say("type %ld", end->type);
  show("STAT NULL, of nothing", msg(99, IPC_STAT, NULL));
  show("STAT NULL, negative", msg(-1, IPC_STAT, NULL));
  show("STAT into nothing, of nothing", msg(99, IPC_STAT, BAD));
  show("STAT into nothing", msg(id, IPC_STAT, BAD));
  show("INFO NULL", msg(0, IPC_INFO, NULL));
  show("INFO into nothing", msg(0, MSG_INFO, BAD));
  show("SET from nothing, of nothing", msg(99, IPC_SET, BAD));
  show("unknown command, of nothing", msg(99, 13, big));
  show("negative command", msg(id, -1, big));
  must(msg(id, IPC_RMID, NULL));
}

static void segments(void) {
  int id = (int)must(shmget(IPC_PRIVATE, 4096, 0600));
  show("shmat: negative", (long)shmat(-1, (void *)1, 0));
  show("shmat: not a page, of nothing", (long)shmat(99, (void *)1, 0));
  show("shmat: of nothing", (long)shmat(99, NULL, 0));
  show("shmat: on this program", (long)shmat(id, (void *)((long)big & ~4095L), 0));
  show("shmdt: nothing", shmdt((void *)0x10000));
  show("shmdt: not a page", shmdt((void *)0x10001));
  show("shmdt: this program", shmdt((void *)((long)big & ~4095L)));
  show("STAT into nothing", shm(id, IPC_STAT, BAD));
  show("STAT NULL, of nothing", shm(99, IPC_STAT, NULL));
  show("SET from nothing, of nothing", shm(99, IPC_SET, BAD));
  show("INFO into nothing", shm(0, IPC_INFO, BAD));
  show("SHM_INFO into nothing", shm(0, SHM_INFO, BAD));
  show("lock nothing", shm(99, SHM_LOCK, NULL));
  show("unlock what is not locked", shm(id, SHM_UNLOCK, NULL));
  show("unknown command, of nothing", shm(99, 15, big));
  show("negative command, of -1", shm(-1, -1, big));
  must(shm(id, IPC_RMID, NULL));
}

static void as_nobody(int mode) {
  int q = (int)must(msgget(IPC_PRIVATE, mode)), s = (int)must(semget(IPC_PRIVATE, 1, mode)), m = (int)must(shmget(4711, 4096, IPC_CREAT | mode));
  pid_t pid;
  CHILD(pid) {
    must(setgroups(0, NULL));
    must(setgid(65534)); must(setuid(65534));
    struct { long type; char text; } t = { 1, 0 };
    struct sembuf zero = { 0, 0, IPC_NOWAIT }, up = { 0, 1, IPC_NOWAIT };
    say("mode %03o", mode);
    show("msgsnd", msgsnd(q, &t, 1, IPC_NOWAIT));
    show("msgrcv", msgrcv(q, &t, 1, 0, IPC_NOWAIT));
    show("msg STAT", msg(q, IPC_STAT, big));
    show("sem zero", semop(s, &zero, 1));
    show("sem up", semop(s, &up, 1));
    show("GETVAL 7", sem(s, 7, GETVAL, NULL));
    show("SETVAL 7", sem(s, 7, SETVAL, NULL));
    show("GETALL", sem(s, 0, GETALL, BAD));
    show_ok("shmat", (long)shmat(m, NULL, 0));
    show_ok("shmat to read", (long)shmat(m, NULL, SHM_RDONLY));
    show_ok("shmat to execute", (long)shmat(m, NULL, SHM_RDONLY | SHM_EXEC));
    say("by key, no mode: %d", shmget(4711, 0, 0) == m);
    show_ok("by key, to read", shmget(4711, 0, 0444));
    show_ok("by key, to read and write", shmget(4711, 0, 0600));
    show("RMID", shm(m, IPC_RMID, NULL));
    show("SET", sem(s, 0, IPC_SET, big));
    show("LOCK", shm(m, SHM_LOCK, NULL));
    show("INFO", msg(0, MSG_INFO, big) < 0 ? -1 : 0);
    _exit(0);
  }
  reap(pid);
  must(msg(q, IPC_RMID, NULL)); must(sem(s, 0, IPC_RMID, NULL)); must(shm(m, IPC_RMID, NULL));
}

int main(void) {
  keys();
  numbers();
  semaphores();
  messages();
  segments();
  as_nobody(0600);
  as_nobody(0604);
  as_nobody(0602);
  as_nobody(0607);
  as_nobody(0670);
  return 0;
}
