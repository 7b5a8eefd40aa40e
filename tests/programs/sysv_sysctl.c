/* Limits: their files, what they refuse, IPC_INFO and its kin, /proc/sysvipc, what depends on the number of namespaces. */
// differs: later defaults are huge, msgmni is fixed, ids go up, the file checks its numbers
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static const char *get(const char *name) {
  static char text[4][4000];
  static int next;
  char path[100], *t = text[next++ % 4];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  int fd = open(path, O_RDONLY);
  if (fd == -1) return errname(errno);
  ssize_t n = read(fd, t, 3999);
  close(fd);
  if (n < 0) return errname(errno);
  t[n] = 0;
  if (n && t[n - 1] == '\n') t[n - 1] = 0;
  return t;
}
static void set(const char *name, const char *value) {
  char path[100];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  int fd = open(path, O_WRONLY);
  long r = fd == -1 ? -1 : write(fd, value, strlen(value));
  int e = errno;
  if (fd != -1) close(fd);
  say("%s = %s: %s, %s", name, value, r == -1 ? errname(e) : "ok", strcmp(name, "msgmni") ? get(name) : "-");
}
static int msgmni_as_it_should_be(void) {  /* a 32nd of the memory in queues of 16384 bytes, divided */
  struct msginfo i;
  must(msgctl(0, IPC_INFO, (void *)&i));
  return i.msgmni == atoi(get("msgmni"));
}
static int msgmni_with_one_more(void) {
  struct gate here = new_gate(), go = new_gate();
  pid_t pid;
  CHILD(pid) {
    must(unshare(CLONE_NEWIPC));
    open_gate(&here);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&here);
  int number = atoi(get("msgmni"));
  open_gate(&go);
  reap(pid);
  return number;
}
static void table(const char *name) {
  char path[50], text[2000];
  snprintf(path, sizeof path, "/proc/sysvipc/%s", name);
  int fd = (int)must(open(path, O_RDONLY));
  ssize_t n = must(read(fd, text, sizeof text - 1));
  text[n] = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    say("%.23s", line);
    say("%d wide", (int)strlen(line));
  }
  close(fd);
}

int main(void) {
  must(unshare(CLONE_NEWIPC));
  say("shmmax %s shmall %s shmmni %s forced %s", get("shmmax"), get("shmall"), get("shmmni"), get("shm_rmid_forced"));
  say("msgmax %s msgmnb %s auto %s sem %s", get("msgmax"), get("msgmnb"), get("auto_msgmni"), get("sem"));
  struct shminfo si;
  must(shmctl(0, IPC_INFO, (void *)&si));
  say("shm: %lu %lu %lu %lu %lu", si.shmmax, si.shmmin, si.shmmni, si.shmseg, si.shmall);
  struct seminfo se;
  must(semctl(0, 0, IPC_INFO, &se));
  say("sem: %d %d %d %d %d %d %d %d %d %d", se.semmap, se.semmni, se.semmns, se.semmnu, se.semmsl, se.semopm, se.semume, se.semusz, se.semvmx, se.semaem);
  struct msginfo mi;
  must(msgctl(0, IPC_INFO, (void *)&mi));
  say("msg: %d %d %d %d %d %d %d", mi.msgpool, mi.msgmap, mi.msgmax, mi.msgmnb, mi.msgssz, mi.msgtql, mi.msgseg);

  int all = atoi(get("msgmni"));
  pid_t pid;
  struct gate here = new_gate(), go = new_gate();
  CHILD(pid) {
    must(unshare(CLONE_NEWIPC));
    open_gate(&here);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&here);
  int fewer = atoi(get("msgmni"));
  say("fewer with one more: %d, %d", fewer < all, msgmni_as_it_should_be());
  open_gate(&go);
  reap(pid);
  say("as many as before: %d", atoi(get("msgmni")) == all);
  set("msgmni", "20");
  say("by hand: %s, auto %s", get("msgmni"), get("auto_msgmni"));
  CHILD(pid) { must(unshare(CLONE_NEWIPC)); _exit(0); }
  reap(pid);
  say("stays: %s", get("msgmni"));
  set("auto_msgmni", "2");
  set("auto_msgmni", "1");
  say("at once: %d", atoi(get("msgmni")) == all);
  set("auto_msgmni", "0");
  say("stays: %d", atoi(get("msgmni")) == all);
  set("auto_msgmni", "1 2 3");  /* said, not done */
  say("with one more: %d", msgmni_with_one_more() == all);
  set("auto_msgmni", "0");
  set("auto_msgmni", "1");
  set("auto_msgmni", "0 2 3");
  say("with one more: %d", msgmni_with_one_more() == all);
  set("auto_msgmni", "1");
  set("auto_msgmni", "0");
  say("with one more: %d", msgmni_with_one_more() == all);

  set("shmmax", "8192");
  show("shmget", shmget(IPC_PRIVATE, 8193, 0600));
  int a = (int)must(shmget(IPC_PRIVATE, 8192, 0640));
  set("shmall", "3");
  show("shmget", shmget(IPC_PRIVATE, 4097, 0600));
  int b = (int)must(shmget(IPC_PRIVATE, 1, 0600));
  set("shmmni", "2");
  set("shmall", "100");
  show("shmget", shmget(IPC_PRIVATE, 1, 0600));
  set("shmmni", "-1");
  show("shmget", shmget(IPC_PRIVATE, 1, 0600));
  char *p = shmat(a, NULL, 0);
  p[0] = 1;
  struct shm_info info;
  show("SHM_INFO", shmctl(0, SHM_INFO, (void *)&info));
  say("ids %d pages %lu in memory %lu swapped %lu", info.used_ids, info.shm_tot, info.shm_rss, info.shm_swp);
  table("shm");
  must(shmctl(b, IPC_RMID, NULL));
  set("shmmax", "-5");
  set("shmmax", "18446744073709551615");
  set("shmall", "18446744073709551615");
  show("more than there is", shmget(IPC_PRIVATE, 1L << 62, 0600));
  show("more than a file", syscall(SYS_shmget, IPC_PRIVATE, -4096L, 0600));

  set("sem", "3 5 2 2");
  show("semmsl", semget(IPC_PRIVATE, 4, 0600));
  int s = (int)must(semget(55, 3, IPC_CREAT | 0600));
  show("semmns", semget(IPC_PRIVATE, 3, 0600));
  int t = (int)must(semget(IPC_PRIVATE, 2, 0600));
  set("sem", "3 50");
  show("semmni", semget(IPC_PRIVATE, 1, 0600));
  struct sembuf ops[3] = { { 0, 1, 0 }, { 1, 1, 0 }, { 2, 1, 0 } };
  show("semopm", semop(s, ops, 3));
  show("two", semop(s, ops, 2));
  show("SEM_INFO", semctl(0, 0, SEM_INFO, &se));
  say("sets %d semaphores %d", se.semusz, se.semaem);
  table("sem");
  must(semctl(s, 0, IPC_RMID)); must(semctl(t, 0, IPC_RMID));
  must(semctl(0, 0, SEM_INFO, &se));
  say("sets %d semaphores %d", se.semusz, se.semaem);

  set("msgmax", "10");
  set("msgmnb", "15");
  set("msgmni", "1");
  int q = (int)must(msgget(0x7fffffff, IPC_CREAT | 0644));
  show("msgmni", msgget(IPC_PRIVATE, 0600));
  struct { long type; char text[20]; } m = { 1, "" };
  show("msgmax", msgsnd(q, &m, 11, IPC_NOWAIT));
  show("msgmax", msgsnd(q, &m, 10, IPC_NOWAIT));
  show("msgmnb", msgsnd(q, &m, 6, IPC_NOWAIT));
  show("MSG_INFO", msgctl(0, MSG_INFO, (void *)&mi));
  say("queues %d messages %d bytes %d", mi.msgpool, mi.msgmap, mi.msgtql);
  table("msg");
  must(msgctl(q, IPC_RMID, NULL));
  must(msgctl(0, MSG_INFO, (void *)&mi));
  say("queues %d messages %d bytes %d", mi.msgpool, mi.msgmap, mi.msgtql);

  /* Segments of the dead. */
  set("shmmax", "100000");
  set("shmmni", "100");
  CHILD(pid) { _exit(shmget(66, 1, IPC_CREAT | 0600) == -1); }
  reap(pid);
  show_ok("an orphan", shmget(66, 1, 0));
  int mine = (int)must(shmget(67, 1, IPC_CREAT | 0600));
  set("shm_rmid_forced", "2");
  set("shm_rmid_forced", "1");
  show_ok("the orphan", shmget(66, 1, 0));
  show_ok("mine", shmget(67, 1, 0));
  CHILD(pid) { _exit(shmget(68, 1, IPC_CREAT | 0600) == -1); }
  reap(pid);
  show_ok("goes with its maker", shmget(68, 1, 0));
  shmdt(shmat(mine, NULL, 0));
  show_ok("goes when it is detached", shmget(67, 1, 0));
  CHILD(pid) { must(shmget(69, 1, IPC_CREAT | 0600)); must((long)shmat(shmget(69, 1, 0), NULL, 0)); open_gate(&here); pass_gate(&go); _exit(0); }
  pass_gate(&here);
  p = shmat((int)must(shmget(69, 1, 0)), NULL, 0);
  open_gate(&go);
  reap(pid);
  show_ok("not while I have it", shmget(69, 1, 0));
  shmdt(p);
  show_ok("now it goes", shmget(69, 1, 0));
  set("shm_rmid_forced", "0");

  return 0;
}
