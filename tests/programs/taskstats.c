/* taskstats: what a task has used, asked for by its number, and told to listeners at its end. */
// needs: root
// differs: later kernels have a longer structure, and answer with another layout
#include "netlink.h"

static int family, fd;
static struct { struct nl_message m; char more[1024]; } answer;

/* The structure in an answer: by pid (4) or by tgid (5); where it is about whom in *nr. */
static char *stats_in(void *message, long n, int aggregate, unsigned *nr, int *size) {
  int length;
  char *nest = nl_find((char *)message + 20, n - 20, aggregate, &length);
  if (!nest) return NULL;
  int l = length;
  char *whom = nl_find(nest, l, aggregate - 3, &length);
  if (whom) memcpy(nr, whom, 4);
  return nl_find(nest, l, 3, size);
}
#define U64(at) (*(uint64_t *)(s + (at)))
#define U32(at) (*(uint32_t *)(s + (at)))

static void ask(const char *what, int attribute, const void *data, size_t size) {
  struct nl_message m;
  nl_begin(&m, family, ACK, 42, 1), nl_attr(&m, attribute, data, size);
  must(nl_send(fd, &m));
  long n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
  if (n < 0) say("%s: %s", what, nl_errname(errno));
  else if (answer.m.head.type == ERROR_TYPE) {
    int e = -*(int *)(&answer.m.head + 1);
    say("%s: %s", what, e ? nl_errname(e) : "done");
    return;
  } else say("%s: %d bytes, command %d, version %d, seq %u", what, answer.m.head.length, answer.m.cmd, answer.m.version, answer.m.head.seq);
  nl_receive(fd, "then", &(char[256]){ 0 }, 256);
}

static void *works(void *arg) {
  (void)arg;
  sleep_ms(2);
  return NULL;
}

static void by_pid(void) {
  unsigned nr = (unsigned)getpid(), about;
  int size;
  prctl(PR_SET_NAME, "taskstats");
  setpriority(PRIO_PROCESS, 0, 3);
  char block[100000];
  int null = open("/dev/null", O_WRONLY);
  must(write(null, block, sizeof block)), close(null);
  sleep_ms(20);
  ask("by pid", 1, &nr, 4);
  char *s = stats_in(&answer, answer.m.head.length, 4, &about, &size);
  if (!s) return;
  say("about us %d, %d bytes at %d", about == nr, size, (int)(s - (char *)&answer));
  say("version %d, exit %d, flags %#x, nice %d, policy %d, %s", *(uint16_t *)s, U32(4), s[8] & ~2, s[9], s[112], s + 80);
  say("uid %u, gid %u, pid known %d, parent known %d", U32(120), U32(124), U32(128) > 1, U32(132) > 0);
  say("times: begin sane %d, slept %d, less used %d", U32(136) <= (unsigned)time(NULL) && U32(136) + 1000 > (unsigned)time(NULL), U64(144) >= 20000, U64(152) + U64(160) <= U64(144) + 8000);
  say("scaled as well %d %d %d", U64(288) == U64(152), U64(296) == U64(160), U64(304) == U64(64));
  say("CPU: times %d, waited less than lived %d, run %d", U64(16) > 0, U64(24) < 1000000000, U64(72) > 0);
  say("others: %d %d %d %d %d %d", (int)U64(32), (int)U64(40), (int)U64(48), (int)U64(56), (int)U64(312), (int)U64(320));
  say("faults %d, memory %d %d, switches %d", U64(168) > 0, U64(200) > 0, U64(208) > U64(200), U64(272) > 0);
  say("written %d, calls %d, whole KiB %d, to disk %d", U64(224) >= 97 * 1024 && U64(224) < 110 * 1024, (int)U64(240), U64(216) % 1024 == 0 && U64(224) % 1024 == 0, (int)U64(256));
}

static void by_tgid(void) {
  unsigned nr = (unsigned)getpid(), about;
  int size;
  pthread_t t;
  ask("by tgid", 2, &nr, 4);
  char *s = stats_in(&answer, answer.m.head.length, 5, &about, &size);
  if (!s) return;
  uint64_t count = U64(16), switches = U64(272);
  say("about us %d, version %d, no name %d, no pid %d, no times %d", about == nr, *(uint16_t *)s, !s[80], !U32(128), !U64(144) && !U64(152));
  say("counts %d %d", count > 0, switches > 0);
  pthread_create(&t, NULL, works, NULL), pthread_join(t, NULL);
  ask("with a dead thread", 2, &nr, 4);
  s = stats_in(&answer, answer.m.head.length, 5, &about, &size);
  say("more %d %d", U64(16) > count + 1, U64(272) >= switches + 1);
}

/* An exit's message: what is in it. */
static void ended(const char *what) {
  unsigned about;
  int size;
  struct pollfd p = { fd, POLLIN, 0 };
  if (poll(&p, 1, 1000) != 1) {
    say("%s: nothing", what);
    return;
  }
  long n = must(recv(fd, &answer, sizeof answer, 0));
  char *s = stats_in(&answer, n, 4, &about, &size);
  if (!s) return (void)say("%s: %ld bytes, type %d", what, n, answer.m.head.type);
  say("%s: %ld bytes, pid %u, the number in both %d, exit %#x, flags %#x, %s", what, n, answer.m.head.pid, about == U32(128), U32(4), s[8] & ~0xa, s + 80);
  s = stats_in(&answer, n, 5, &about, &size);
  if (s) say("and the process: version %d, no name %d, run %d", *(uint16_t *)s, !s[80], U64(72) > 0);
}

static void listens(void) {
  pid_t pid;
  pthread_t t;
  char cpus[16] = "0";
  ask("no CPU at all", 3, "", 0);
  ask("garbage", 3, "x", 2);
  ask("a CPU far away", 3, "900", 4);
  ask("a range that runs down", 3, "3-2", 4);
  char longer[900];
  memset(longer, '0', sizeof longer);
  ask("a long one", 3, longer, 450);
  snprintf(cpus, sizeof cpus, sysconf(_SC_NPROCESSORS_CONF) > 1 ? "0-%d" : "0", (int)sysconf(_SC_NPROCESSORS_CONF) - 1);
  ask("listen", 3, cpus, strlen(cpus) + 1);
  ask("twice", 3, cpus, strlen(cpus) + 1);
  CHILD(pid) prctl(PR_SET_NAME, "child"), _exit(3);
  say("%s", reap(pid));
  ended("a child");
  CHILD(pid) raise(SIGKILL);
  say("%s", reap(pid));
  ended("one that was killed");
  pthread_create(&t, NULL, works, NULL), pthread_join(t, NULL);
  ended("a thread");
  CHILD(pid) pthread_create(&t, NULL, works, NULL), pthread_join(t, NULL), _exit(5);
  say("%s", reap(pid));
  ended("a thread of a child"), ended("the child");
  ask("no longer", 4, cpus, strlen(cpus) + 1);
  CHILD(pid) _exit(3);
  reap(pid);
  ended("now");
  int other = nl_socket(GENERIC), old = fd;
  fd = other;
  ask("another listens", 3, cpus, strlen(cpus) + 1);
  close(other), fd = old;
  CHILD(pid) _exit(3);
  say("%s, and nobody minds", reap(pid));
}

int main(void) {
  struct nl_message m;
  fd = nl_socket(GENERIC);
  say("no such family %d", nl_family(fd, "TASKSTAT"));
  family = nl_family(fd, "TASKSTATS");
  say("family known %d", family > 16);
  by_pid(), by_tgid();
  unsigned nobody = 0x7ffffff0;
  ask("nobody", 1, &nobody, 4);
  ask("no process", 2, &nobody, 4);
  ask("no attribute", 9, &nobody, 4);
  ask("a short one", 1, &nobody, 2);
  nl_begin(&m, family, 0, 1, 2), must(nl_send(fd, &m)), nl_receive(fd, "another command", &answer, sizeof answer);
  nl_begin(&m, family, DUMP, 1, 1), must(nl_send(fd, &m)), nl_receive(fd, "a dump", &answer, sizeof answer);
  nl_begin(&m, family, 0, 1, 4), must(nl_send(fd, &m)), nl_receive(fd, "a control group without one", &answer, sizeof answer);
  nl_begin(&m, family, ACK, 1, 4), nl_attr_u32(&m, 1, 0), must(nl_send(fd, &m)), nl_receive(fd, "that is none", &answer, sizeof answer);
  nl_begin(&m, family, ACK, 1, 4), nl_attr_u32(&m, 1, 99), must(nl_send(fd, &m)), nl_receive(fd, "that is not open", &answer, sizeof answer);
  listens();
  must(unshare(CLONE_NEWNET));
  int away = nl_socket(GENERIC);
  say("in another network %d", nl_family(away, "TASKSTATS"));
  must(setresuid(1000, 1000, 1000));
  ask("without privileges", 1, &(unsigned){ 1 }, 4);
  return 0;
}
