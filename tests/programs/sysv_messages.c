/* Messages: which one a receiver gets, who sleeps for which, who is woken with what, restarts, what is counted. */
// differs: since 3.8 MSG_COPY (here: ignored); since 4.x a type of LONG_MIN is as LONG_MAX; senders stand in line
#include "check.h"
#include <grp.h>
#include <sys/ipc.h>
#include <sys/msg.h>

static int id;
struct message { long type; char text[9000]; };
static struct message m;
static int put(long type, const char *text) {
  m.type = type;
  strcpy(m.text, text);
  return msgsnd(id, &m, strlen(text), IPC_NOWAIT);
}
static void take(const char *what, long type, int flags) {
  memset(&m, 0, sizeof m);
  ssize_t n = msgrcv(id, &m, 8192, type, flags | IPC_NOWAIT);
  if (n == -1) say("%s: %s", what, errname(errno));
  else say("%s: %ld %s %d", what, m.type, m.text, (int)n);
}
static struct msqid_ds look(void) {
  struct msqid_ds d;
  must(msgctl(id, IPC_STAT, &d));
  return d;
}
static void counts(const char *what) {
  struct msqid_ds d = look();
  say("%s: %d messages, %d bytes", what, (int)d.msg_qnum, (int)d.__msg_cbytes);
}
/* Children, and what they say when they are waited for. */
static char (*lines)[200];
static pid_t pids[64];
static int children;
static pid_t sleeps(pid_t pid) {
  pids[children++] = pid;
  wait_asleep(pid);
  return pid;
}
static void end(pid_t pid) {
  wait_for(pid);
  for (int i = children - 1; i >= 0; i--)
    if (pids[i] == pid) {
      say("%s", lines[i]);
      return;
    }
}
static pid_t receiver(long type, size_t size, int flags) {
  pid_t pid;
  CHILD(pid) {
    memset(&m, 0, sizeof m);
    ssize_t n = msgrcv(id, &m, size, type, flags);
    char *line = lines[children];
    if (n == -1) snprintf(line, 200, "receiver of %ld: %s", type, errname(errno));
    else snprintf(line, 200, "receiver of %ld: %ld %.100s %d", type, m.type, m.text, (int)n);
    _exit(0);
  }
  return sleeps(pid);
}
static pid_t sender(long type, size_t size) {
  pid_t pid;
  CHILD(pid) {
    m.type = type;
    int r = msgsnd(id, &m, size, 0);
    snprintf(lines[children], 200, "sender of %ld: %s", type, r ? errname(errno) : "ok");
    _exit(0);
  }
  return sleeps(pid);
}
static void nothing(int sig) { (void)sig; }

int main(void) {
  lines = shared_memory(64 * 200);
  id = (int)must(msgget(IPC_PRIVATE, 0600));
  struct msqid_ds d = look();
  say("new: qbytes %d stime %d rtime %d lspid %d lrpid %d ctime %d", (int)d.msg_qbytes, (int)d.msg_stime, (int)d.msg_rtime, d.msg_lspid, d.msg_lrpid, d.msg_ctime > 0);
  must(put(5, "five")); must(put(3, "three")); must(put(3, "another three")); must(put(9, "nine")); must(put(1, ""));
  d = look();
  say("lspid is mine %d, lrpid %d, stime %d", d.msg_lspid == getpid(), d.msg_lrpid, d.msg_stime > 0);
  counts("five");
  take("any", 0, 0);
  take("type 9", 9, 0);
  take("not 3", 3, MSG_EXCEPT);
  must(put(2, "two"));
  take("up to 3", -3, 0);
  take("up to 3, EXCEPT is ignored", -3, MSG_EXCEPT);
  take("up to 2", -2, 0);
  take("the lowest there is", LONG_MIN, 0);
  show("too small", msgrcv(id, &m, 3, 0, IPC_NOWAIT));
  counts("it stays");
  show("cut", msgrcv(id, &m, 7, 0, IPC_NOWAIT | MSG_NOERROR));
  counts("all of it is gone");
  take("nothing", 0, 0);
  must(put(LONG_MAX, "max"));
  take("the greatest type", LONG_MAX, 0);

  /* Sleeping receivers. */
  struct msqid_ds set = look();
  pid_t a = receiver(7, 100, 0), b = receiver(0, 100, 0);
  must(put(8, "to b"));
  end(b);
  d = look();
  say("lrpid is b %d, nothing was queued %d", d.msg_lrpid == b, (int)d.msg_qnum);
  b = receiver(-8, 2, 0);
  must(put(7, "for a"));
  end(a);
  counts("b still sleeps");
  a = receiver(0, 100, 0);
  must(put(8, "too long for b"));
  end(b);
  end(a);
  a = receiver(1, 2, MSG_NOERROR);
  must(put(1, "cut too"));
  end(a);
  a = receiver(1, 100, MSG_EXCEPT);
  must(put(1, "one"));
  must(put(2, "two"));
  end(a);
  take("the other", 0, 0);

  on_signal_flags(SIGUSR1, nothing, SA_RESTART);
  a = receiver(1, 100, 0);
  kill(a, SIGUSR1);
  end(a);
  a = receiver(1, 100, 0);
  kill(a, SIGSTOP);
  wait_state(a, "T");
  kill(a, SIGCONT);
  wait_asleep(a);
  must(put(1, "after a stop"));
  end(a);
  a = receiver(1, 100, 0);
  kill(a, SIGSTOP);
  wait_state(a, "T");
  must(put(1, "while stopped"));
  counts("whoever is stopped may have it");
  kill(a, SIGCONT);
  end(a);
  a = receiver(1, 100, 0);
  kill(a, SIGKILL);
  end(a);
  must(put(1, "nobody"));
  counts("a dead receiver");
  take("is not asked", 0, 0);

  /* Room. */
  set.msg_qbytes = 10;
  must(msgctl(id, IPC_SET, &set));
  must(put(1, "12345678"));
  show("no room", put(2, "123"));
  must(put(2, "12"));
  show("an empty one", put(3, ""));
  take("room", 0, 0);
  int empty = 0;
  while (empty < 20 && !put(3, "")) empty++;
  say("room for %d empty ones", empty);
  show("ten messages", put(3, ""));
  counts("full");
  a = sender(20, 0);
  take("one goes", 0, 0);
  end(a);
  counts("full again");
  a = sender(21, 8);
  show("the queue grows", (set.msg_qbytes = 100, msgctl(id, IPC_SET, &set)));
  end(a);
  set.msg_qbytes = 5;
  must(msgctl(id, IPC_SET, &set));
  a = sender(22, 1);
  kill(a, SIGUSR1);
  end(a);
  a = sender(23, 1);
  kill(a, SIGSTOP);
  wait_state(a, "T");
  kill(a, SIGCONT);
  wait_asleep(a);
  kill(a, SIGKILL);
  end(a);
  set.msg_qbytes = 0;
  must(msgctl(id, IPC_SET, &set));
  show("a queue for nothing", put(3, ""));
  while (msgrcv(id, &m, 8192, 0, IPC_NOWAIT) >= 0) continue;
  counts("drained");

  /* Others' rights, removal. */
  set.msg_qbytes = 16384;
  set.msg_perm.mode = 0640;
  set.msg_perm.gid = 4711;
  must(msgctl(id, IPC_SET, &set));
  for (int group = 0; group < 3; group++) {
    CHILD(a) {
      gid_t extra = 4711;
      must(setgroups(group == 2, &extra));
      must(setgid(group ? 65534 : 0));
      must(setuid(65534));
      say("%s: %s", group == 2 ? "in its group" : group ? "in neither group" : "in its creator's group", msgctl(id, IPC_STAT, &set) ? errname(errno) : "ok");
      _exit(0);
    }
    wait_for(a);
  }
  set.msg_qbytes = 16384;
  set.msg_perm.mode = 0666;
  must(msgctl(id, IPC_SET, &set));
  CHILD(a) {
    must(setuid(65534));
    set.msg_qbytes = 16385;
    say("not the owner: %s", msgctl(id, IPC_SET, &set) ? errname(errno) : "ok");
    struct { long type; char c; } one;
    say("refused while it slept: %s", msgrcv(id, &one, 1, 0, 0) == -1 ? errname(errno) : "ok");
    _exit(0);
  }
  wait_asleep(a);
  set.msg_perm.mode = 0600;
  must(msgctl(id, IPC_SET, &set));
  wait_for(a);
  CHILD(a) {
    must(setuid(65534));
    id = (int)must(msgget(IPC_PRIVATE, 0600));
    set = look();
    set.msg_qbytes = 16385;
    say("more than msgmnb: %s", msgctl(id, IPC_SET, &set) ? errname(errno) : "ok");
    set.msg_qbytes = 16384;
    say("as much: %s", msgctl(id, IPC_SET, &set) ? errname(errno) : "ok");
    say("given away: %s", (set.msg_perm.uid = 0, msgctl(id, IPC_SET, &set)) ? errname(errno) : "ok");
    say("the creator's bits: %s", msgctl(id, IPC_STAT, &set) ? errname(errno) : "ok");
    say("creator still: %s", msgctl(id, IPC_RMID, NULL) ? errname(errno) : "ok");
    _exit(0);
  }
  wait_for(a);
  a = receiver(1, 1, 0);
  must(msgctl(id, IPC_RMID, NULL));
  end(a);
  id = (int)must(msgget(IPC_PRIVATE, 0600));
  for (int i = 0; i < 2; i++) { m.type = 1; must(msgsnd(id, &m, 8192, 0)); }
  a = sender(1, 1);
  must(msgctl(id, IPC_RMID, NULL));
  end(a);
  /* Many pages. */
  id = (int)must(msgget(IPC_PRIVATE, 0600));
  for (int i = 0; i < 8192; i++) m.text[i] = (char)(i * 7);
  m.type = 1;
  must(msgsnd(id, &m, 8192, 0));
  memset(m.text, 0, sizeof m.text);
  show("8192 bytes", msgrcv(id, &m, 9000, 0, 0));
  int wrong = 0;
  for (int i = 0; i < 8192; i++) wrong += m.text[i] != (char)(i * 7);
  say("wrong: %d", wrong);
  must(msgctl(id, IPC_RMID, NULL));
  return 0;
}
