/* System V objects of a 32-bit program: one call for all, both forms of each structure. */
// needs: i386
// differs: later kernels give the next identifier in turn, and look at IPC_SET's structure after the identifier
#include "check.h"

enum { SEMOP = 1, SEMGET, SEMCTL, SEMTIMEDOP, MSGSND = 11, MSGRCV, MSGGET, MSGCTL, SHMAT = 21, SHMDT, SHMGET, SHMCTL };
enum { RMID, SET, STAT, INFO, IPC64 = 0x100, CREAT = 01000, NOWAIT = 04000 };
static unsigned char room[256];
static unsigned arg[2];
static long ipc(unsigned call, long first, long second, long third, void *ptr, long fifth) { return syscall(117, call, first, second, third, ptr, fifth); }
static unsigned u32(int at) { unsigned x; memcpy(&x, room + at, 4); return x; }
static unsigned u16(int at) { return room[at] | room[at + 1] << 8; }
static void *to(void *p) { arg[0] = (unsigned)p; return arg; }
static void fresh(void) { memset(room, 0xee, sizeof room); }
static int recent(unsigned t) { unsigned now = (unsigned)time(NULL); return t && t <= now && now - t < 3600; }
/* Which bytes were written, in runs. */
static void written(const char *what) {
  char text[400];
  int n = snprintf(text, sizeof text, "  %s writes", what);
  for (int i = 0; i < (int)sizeof room; i++) {
    int from = i;
    while (i < (int)sizeof room && room[i] != 0xee) i++;
    if (i > from && n < 380) n += snprintf(text + n, sizeof text - (size_t)n, " %d-%d", from, i - 1);
  }
  say("%s", text);
}
static void perm(int form) {
  if (form) say("  perm: key %d ids %u %u %u %u mode %o", (int)u32(0), u32(4), u32(8), u32(12), u32(16), u16(20));
  else say("  perm: key %d ids %u %u %u %u mode %o", (int)u32(0), u16(4), u16(6), u16(8), u16(10), u16(12));
}

static void semaphores(void) {
  struct { unsigned short num; short op, flags; } ops[2] = {{0, 3, 0}, {2, 1, 0}}, down = {1, -1, 0}, nowait = {1, -1, NOWAIT};
  int time[2] = {0, 20000000}, wrong[2] = {0, 1000000000};
  int id = (int)must(ipc(SEMGET, 4711, 3, CREAT | 0640, NULL, 0));
  show("semget of more", ipc(SEMGET, 4711, 4, 0, NULL, 0)), show("none", ipc(SEMGET, 4712, -1, CREAT, NULL, 0));
  show("semop", ipc(SEMOP, id, 2, 0, ops, 0)), show("nowait", ipc(SEMOP, id, 1, 0, &nowait, 0));
  show("semop with a time: unread", ipc(SEMOP, id, 1, 0, &nowait, 8));
  show("timed", ipc(SEMTIMEDOP, id, 1, 0, &down, (long)time)), show("wrong time", ipc(SEMTIMEDOP, id, 1, 0, &down, (long)wrong));
  show("bad time", ipc(SEMTIMEDOP, id, 1, 0, &down, 8)), show("bad time, no operations", ipc(SEMTIMEDOP, id, 0, 0, &down, 8));
  show("bad time, bad id", ipc(SEMTIMEDOP, -1, 1, 0, &down, 8)), show("too many", ipc(SEMTIMEDOP, id, 33, 0, &down, 8));
  show("no time", ipc(SEMTIMEDOP, id, 2, 0, ops, 0)), show("half a call", ipc(SEMOP, id, -1, 0, ops, 0));
  show("getval", ipc(SEMCTL, id, 0, 12, to(0), 0)), show("64", ipc(SEMCTL, id, 2, 12 | IPC64, to(0), 0));
  show("no argument", ipc(SEMCTL, id, 0, 12, NULL, 0)), show("bad argument", ipc(SEMCTL, id, 0, 12, (void *)8, 0)), show("bad id, bad argument", ipc(SEMCTL, -1, 0, 12, (void *)8, 0));
  show("setval", ipc(SEMCTL, id, 1, 16, to((void *)77), 0)), show("getval", ipc(SEMCTL, id, 1, 12, to(0), 0)), show("a large one", ipc(SEMCTL, id, 1, 16, to((void *)32768), 0)), show("negative", ipc(SEMCTL, id, 1, 16, to((void *)-1), 0));
  fresh(), show("getall", ipc(SEMCTL, id, 0, 13, to(room), 0)), written("it"), say("  %u %u %u", u16(0), u16(2), u16(4));
  show("setall", ipc(SEMCTL, id, 0, 17, to(room), 0)), show("getpid", ipc(SEMCTL, id, 1, 11, to(0), 0) == getpid());
  fresh(), show("info", ipc(SEMCTL, 0, 0, INFO, to(room), 0) >= 0), written("it"), say("  %u %u %u %u %u", u32(0), u32(4), u32(8), u32(16), u32(20));
  fresh(), show("sem_info", ipc(SEMCTL, 0, 0, 19 | IPC64, to(room), 0) >= 0), written("it"), say("  sets %u semaphores %u", u32(28), u32(36));
  show("chown", ({ memset(room, 0, sizeof room); unsigned ids[2] = {70000, 65535}; memcpy(room + 4, ids, 8); room[20] = 0600 & 255, room[21] = 0600 >> 8; ipc(SEMCTL, id, 0, SET | IPC64, to(room), 0); }));
  fresh(), show("stat", ipc(SEMCTL, id, 0, STAT, to(room), 0)), written("it"), perm(0), say("  times %d %d number %u", recent(u32(16)), recent(u32(20)), u16(40));
  fresh(), show("stat 64", ipc(SEMCTL, id, 0, STAT | IPC64, to(room), 0)), written("it"), perm(1), say("  times %d %d number %u", recent(u32(36)), recent(u32(44)), u32(52));
  fresh(), show("by index", ipc(SEMCTL, id & 32767, 0, 18 | IPC64, to(room), 0) == id), written("it");
  show("set old", ({ memset(room, 0, sizeof room); room[4] = 5, room[6] = 6, room[12] = 0604 & 255, room[13] = 0604 >> 8; ipc(SEMCTL, id, 0, SET, to(room), 0); }));
  fresh(), show("stat", ipc(SEMCTL, id, 0, STAT, to(room), 0)), perm(0);
  show("set, bad address", ipc(SEMCTL, id, 0, SET, to((void *)8), 0)), show("stat, bad address", ipc(SEMCTL, id, 0, STAT | IPC64, to((void *)8), 0)), show("set of nothing", ipc(SEMCTL, id + 32768, 0, SET, to((void *)8), 0)), show("stat of nothing", ipc(SEMCTL, id + 32768, 0, STAT, to((void *)8), 0));
  show("unknown", ipc(SEMCTL, id, 0, 20, to(room), 0)), show("other bits", ipc(SEMCTL, id, 0, 12 | 0x200, to(room), 0)), show("unknown, no argument", ipc(SEMCTL, id, 0, 20, NULL, 0));
  show("remove, no argument", ipc(SEMCTL, id, 0, RMID, NULL, 0)), show("remove", ipc(SEMCTL, id, 0, RMID | IPC64, to(0), 0)), show("again", ipc(SEMCTL, id, 0, RMID, to(0), 0));
}

struct message { int type; char text[64]; };
struct kludge { void *to; int type; };

static void messages(void) {
  struct message m = {3, "three"}, got;
  struct kludge k = {&got, 0};
  int id = (int)must(ipc(MSGGET, 4711, CREAT | 0640, 0, NULL, 0));
  show("send", ipc(MSGSND, id, 6, 0, &m, 0)), m.type = 0, show("type 0", ipc(MSGSND, id, 6, 0, &m, 0)), m.type = -1, show("type -1", ipc(MSGSND, id, 6, 0, &m, 0));
  show("bad address", ipc(MSGSND, id, 6, 0, (void *)8, 0)), show("bad id, bad address", ipc(MSGSND, -1, 6, 0, (void *)8, 0)), show("length -1, bad address", ipc(MSGSND, id, -1, 0, (void *)8, 0)), show("too long, bad address", ipc(MSGSND, id, 8193, 0, (void *)8, 0)), m.type = 1, show("too long", ipc(MSGSND, id, 8193, 0, &m, 0));
  for (int i = 1; i < 7; i++) m.type = i, snprintf(m.text, sizeof m.text, "type %d", i), must(ipc(MSGSND, id, 10 + i, NOWAIT, &m, 0));
  m.type = 0x7fffffff, must(ipc(MSGSND, id, 1, NOWAIT, &m, 0));
  memset(&got, 0, sizeof got), show("receive", ipc(MSGRCV, id, 64, 0, &k, 99)), say("  %d %s", got.type, got.text);
  k.type = 4, memset(&got, 0, sizeof got), show("receive 4", ipc(MSGRCV, id, 64, 0, &k, 5)), say("  %d %s", got.type, got.text);
  k.type = -2, memset(&got, 0, sizeof got), show("receive up to 2", ipc(MSGRCV, id, 64, 0, &k, 5)), say("  %d %s", got.type, got.text);
  memset(&got, 0, sizeof got), show("version 1", ipc(1 << 16 | MSGRCV, id, 64, 0, &got, 5)), say("  %d %s", got.type, got.text);
  memset(&got, 0, sizeof got), show("version 2", ipc(2 << 16 | MSGRCV, id, 64, 020000, &got, 2)), say("  %d %s", got.type, got.text);
  show("short", ipc(1 << 16 | MSGRCV, id, 3, 0, &got, 2)), memset(&got, 0, sizeof got), show("cut", ipc(1 << 16 | MSGRCV, id, 3, 010000, &got, 2)), say("  %d %s", got.type, got.text);
  show("no such", ipc(1 << 16 | MSGRCV, id, 64, NOWAIT, &got, 9)), k.type = 9, show("no such", ipc(MSGRCV, id, 64, NOWAIT, &k, 6));
  show("the last", ipc(1 << 16 | MSGRCV, id, 64, NOWAIT, &got, -0x7fffffff - 1)), say("  %d", got.type), show("the last", ipc(1 << 16 | MSGRCV, id, 64, NOWAIT, &got, 0x7fffffff)), say("  %x", (unsigned)got.type);
  show("no kludge", ipc(MSGRCV, id, 64, NOWAIT, NULL, 0)), show("a bad one", ipc(MSGRCV, id, 64, NOWAIT, (void *)8, 0)), show("bad id", ipc(MSGRCV, -1, 64, NOWAIT, (void *)8, 0)), show("bad length", ipc(MSGRCV, id, -1, NOWAIT, NULL, 0)), show("version 1, NULL", ipc(1 << 16 | MSGRCV, id, 64, NOWAIT, NULL, 0));
  m.type = 8, must(ipc(MSGSND, id, 33, 0, &m, 0)), show("into nothing", ipc(1 << 16 | MSGRCV, id, 64, NOWAIT, (void *)8, 0)), show("and it is lost", ipc(1 << 16 | MSGRCV, id, 64, NOWAIT, &got, 0));
  must(ipc(MSGSND, id, 33, 0, &m, 0));
  fresh(), show("info", ipc(MSGCTL, id, INFO, 0, room, 0) >= 0), written("it"), say("  %u %u", u32(8), u32(12));
  fresh(), show("msg_info", ipc(MSGCTL, id, 12 | IPC64, 0, room, 0) >= 0), written("it"), say("  %u %u %u", u32(0), u32(4), u32(24));
  memset(room, 0, sizeof room);
  unsigned ids[2] = {70000, 70001}, qbytes = 70000;
  memcpy(room + 4, ids, 8), memcpy(room + 68, &qbytes, 4), room[20] = 0600 & 255, room[21] = 0600 >> 8;
  show("set", ipc(MSGCTL, id, SET | IPC64, 0, room, 0));
  fresh(), show("stat", ipc(MSGCTL, id, STAT, 0, room, 0)), written("it"), perm(0), say("  times %d %d %d bytes %u number %u limit %u pids %d %d", recent(u32(24)), recent(u32(28)), recent(u32(32)), u16(44), u16(46), u16(48), u16(50) == (getpid() & 0xffff), u16(52) == (getpid() & 0xffff));
  fresh(), show("stat 64", ipc(MSGCTL, id, STAT | IPC64, 0, room, 0)), written("it"), perm(1), say("  times %d %d %d bytes %u number %u limit %u pids %d %d", recent(u32(36)), recent(u32(44)), recent(u32(52)), u32(60), u32(64), u32(68), (pid_t)u32(72) == getpid(), (pid_t)u32(76) == getpid());
  fresh(), show("by index", ipc(MSGCTL, id & 32767, 11, 0, room, 0) == id), written("it");
  memset(room, 0, sizeof room), room[4] = 7, room[6] = 8, room[12] = 4, room[48] = 100;
  show("set old", ipc(MSGCTL, id, SET, 0, room, 0)), fresh(), show("stat", ipc(MSGCTL, id, STAT, 0, room, 0)), perm(0), say("  limit %u", u16(48));
  show("set, bad address", ipc(MSGCTL, id, SET, 0, (void *)8, 0)), show("stat, bad address", ipc(MSGCTL, id, STAT, 0, (void *)8, 0)), show("stat, NULL", ipc(MSGCTL, id, STAT, 0, NULL, 0)), show("info, NULL", ipc(MSGCTL, id, INFO, 0, NULL, 0)), show("set of nothing", ipc(MSGCTL, id + 32768, SET, 0, (void *)8, 0)), show("unknown", ipc(MSGCTL, id, 13, 0, room, 0)), show("of a negative one", ipc(MSGCTL, -1, 13, 0, room, 0)), show("other bits", ipc(MSGCTL, id, STAT | 0x200, 0, room, 0));
  show("remove", ipc(MSGCTL, id, RMID | IPC64, 0, NULL, 0)), show("again", ipc(MSGCTL, id, RMID, 0, NULL, 0));
}

static void memory(void) {
  unsigned where = 0, there = 0;
  int id = (int)must(ipc(SHMGET, 4711, 5000, CREAT | 0640, NULL, 0));
  show("size -1", ipc(SHMGET, 4712, -1, CREAT, NULL, 0)), show("larger", ipc(SHMGET, 4711, 5001, 0, NULL, 0));
  show("attach", ipc(SHMAT, id, 0, (long)&where, NULL, 0)), strcpy((char *)where, "here");
  show("read only", ipc(SHMAT, id, 010000, (long)&there, NULL, 0)), say("  %s %d", (char *)there, where != there);
  show("not a page", ipc(SHMAT, id, 0, (long)&there, (void *)(where + 1), 0)), show("in use", ipc(SHMAT, id, 0, (long)&there, (void *)where, 0));
  show("version 1", ipc(1 << 16 | SHMAT, id, 0, (long)&there, NULL, 0)), show("version 2", ipc(2 << 16 | SHMAT, id, 0, (long)&there, NULL, 0)), show("nowhere to say so", ipc(SHMAT, id, 0, 8, NULL, 0)), show("of nothing", ipc(SHMAT, id + 32768, 0, 8, NULL, 0));
  fresh(), show("stat", ipc(SHMCTL, id, STAT, 0, room, 0)), written("it"), perm(0), say("  size %u times %d %d %d pids %d %d attached %u", u32(16), recent(u32(20)), u32(24) != 0, recent(u32(28)), u16(32) == (getpid() & 0xffff), u16(34) == (getpid() & 0xffff), u16(36));
  show("detach", ipc(SHMDT, 0, 0, 0, (void *)where, 0)), show("again", ipc(SHMDT, 0, 0, 0, (void *)where, 0)), show("not a page", ipc(SHMDT, 0, 0, 0, (void *)1, 0));
  memset(room, 0, sizeof room);
  unsigned ids[2] = {70000, 70001};
  memcpy(room + 4, ids, 8), room[20] = 0600 & 255, room[21] = 0600 >> 8;
  show("set", ipc(SHMCTL, id, SET | IPC64, 0, room, 0));
  fresh(), show("stat 64", ipc(SHMCTL, id, STAT | IPC64, 0, room, 0)), written("it"), perm(1), say("  size %u times %d %d %d pids %d %d attached %u", u32(36), recent(u32(40)), recent(u32(48)), recent(u32(56)), (pid_t)u32(64) == getpid(), (pid_t)u32(68) == getpid(), u32(72));
  fresh(), show("by index", ipc(SHMCTL, id & 32767, 13, 0, room, 0) == id), written("it"), perm(0);
  memset(room, 0, sizeof room), room[4] = 7, room[6] = 8, room[12] = 4;
  show("set old", ipc(SHMCTL, id, SET, 0, room, 0)), fresh(), show("stat", ipc(SHMCTL, id, STAT, 0, room, 0)), perm(0);
  show("lock", ipc(SHMCTL, id, 11, 0, NULL, 0)), fresh(), show("stat", ipc(SHMCTL, id, STAT, 0, room, 0)), perm(0), show("unlock", ipc(SHMCTL, id, 12 | IPC64, 0, NULL, 0));
  fresh(), show("info", ipc(SHMCTL, 0, INFO, 0, room, 0) >= 0), written("it"), say("  %u %u %u %u %u", u32(0), u32(4), u32(8), u32(12), u32(16));
  fresh(), show("info 64", ipc(SHMCTL, 0, INFO | IPC64, 0, room, 0) >= 0), written("it"), say("  %u %u %u %u %u", u32(0), u32(4), u32(8), u32(12), u32(16));
  fresh(), show("shm_info", ipc(SHMCTL, 0, 14, 0, room, 0) >= 0), written("it"), say("  %u %u %u", u32(0), u32(4), u32(8));
  show("set, bad address", ipc(SHMCTL, id, SET, 0, (void *)8, 0)), show("stat, bad address", ipc(SHMCTL, id, STAT | IPC64, 0, (void *)8, 0)), show("info, bad address", ipc(SHMCTL, id, INFO, 0, (void *)8, 0)), show("shm_info, bad address", ipc(SHMCTL, id, 14, 0, (void *)8, 0)), show("set of nothing", ipc(SHMCTL, id + 32768, SET, 0, (void *)8, 0)), show("unknown", ipc(SHMCTL, id, 15, 0, room, 0)), show("of a negative one", ipc(SHMCTL, -1, 15, 0, room, 0)), show("other bits", ipc(SHMCTL, id, STAT | 0x200, 0, room, 0));
  show("remove", ipc(SHMCTL, id, RMID | IPC64, 0, NULL, 0)), fresh(), show("stat", ipc(SHMCTL, id, STAT, 0, room, 0)), perm(0);
}

int main(void) {
  semaphores(), messages(), memory();
  show("call 0", ipc(0, 0, 0, 0, NULL, 0)), show("call 5", ipc(5, 0, 0, 0, NULL, 0)), show("call 25", ipc(25, 0, 0, 0, NULL, 0)), show("call 5, version 1", ipc(1 << 16 | 5, 0, 0, 0, NULL, 0));
  return 0;
}
