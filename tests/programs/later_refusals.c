/* What calls of after 3.2 refuse, and their rarer ways: pidfds of threads and groups, openat2, copy_file_range, memfd_create, kcmp. */
// later: all
// needs: root
#include "check.h"

#include <poll.h>
#include <sys/mount.h>

enum { NR_KCMP = 312, NR_MEMFD_CREATE = 319, NR_COPY_FILE_RANGE = 326, NR_PIDFD_SEND_SIGNAL = 424, NR_PIDFD_OPEN = 434, NR_CLONE3 = 435, NR_OPENAT2 = 437, NR_PIDFD_GETFD = 438 };
enum { THREAD = O_EXCL, TO_THREAD = 1, TO_PROCESS = 2, TO_GROUP = 4, ADD_SEALS = 1033, GET_SEALS = 1034 };
enum { NO_XDEV = 1, NO_MAGICLINKS = 2, BENEATH = 8, IN_ROOT = 16, CACHED = 32, TMPFILE = 020000000 };
static const long P = 4096;
static volatile int told;
static void tell(int sig) { told += sig; }
static volatile pid_t tid;
static struct gate ready, end;
static void *thread(void *unused) { tid = (pid_t)syscall(SYS_gettid), open_gate(&ready), pass_gate(&end); return unused; }

static void show_info(const char *what, int fd) {
  char path[60], text[400];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  int info = (int)must(open(path, O_RDONLY));
  text[must(read(info, text, sizeof text - 1))] = 0, close(info);
  char *line = strstr(text, "Pid:");
  int nr = 0;
  if (line) sscanf(line, "Pid: %d", &nr);
  say("%s: %s, NSpid %d", what, nr == getpid() ? "oneself" : nr > 0 ? "another" : nr == 0 ? "0" : "-1", line && strstr(line, "NSpid:"));
}

static void pidfds(void) {
  pid_t pid, other;
  pthread_t t;
  ready = new_gate(), end = new_gate();
  on_signal(SIGUSR1, tell);
  int self = (int)must(syscall(NR_PIDFD_OPEN, getpid(), 0));
  pthread_create(&t, NULL, thread, NULL), pass_gate(&ready);
  show("a thread that leads none", syscall(NR_PIDFD_OPEN, tid, 0));
  int fd = (int)must(syscall(NR_PIDFD_OPEN, tid, THREAD));
  show("a signal to it", syscall(NR_PIDFD_SEND_SIGNAL, fd, SIGUSR1, NULL, 0)), open_gate(&end), pthread_join(t, NULL), say("told %d", told), told = 0;
  show("it is gone", syscall(NR_PIDFD_SEND_SIGNAL, fd, SIGUSR1, NULL, TO_THREAD)), close(fd);
  show("to a thread", syscall(NR_PIDFD_SEND_SIGNAL, self, SIGUSR1, NULL, TO_THREAD)), show("to a process", syscall(NR_PIDFD_SEND_SIGNAL, self, SIGUSR1, NULL, TO_PROCESS)), say("told %d", told), told = 0;
  siginfo_t info;
  memset(&info, 0, sizeof info), info.si_signo = SIGUSR1, info.si_code = SI_USER;
  CHILD(pid) {
    must(setpgid(0, 0)), signal(SIGUSR1, SIG_DFL);
    CHILD(other) pause(), _exit(0);
    open_gate(&ready), pause();
  }
  pass_gate(&ready), fd = (int)must(syscall(NR_PIDFD_OPEN, pid, 0));
  show("a code of the kernel's", syscall(NR_PIDFD_SEND_SIGNAL, fd, SIGUSR1, &info, 0)), info.si_code = -1, show("nothing, to the group", syscall(NR_PIDFD_SEND_SIGNAL, fd, 0, NULL, TO_GROUP));
  show_info("it", fd), show_info("oneself", self);
  show("to the group", syscall(NR_PIDFD_SEND_SIGNAL, fd, SIGTERM, NULL, TO_GROUP));
  struct pollfd ended = { fd, POLLIN, 0 };
  show("poll", poll(&ended, 1, 5000)), say("%x", ended.revents), show("a descriptor of a zombie", syscall(NR_PIDFD_GETFD, fd, 0, 0));
  say("%s", reap(pid)), sleep_ms(50), show("poll", poll(&ended, 1, 0)), say("%x", ended.revents), show_info("gone", fd), show("to the group of nobody", syscall(NR_PIDFD_SEND_SIGNAL, fd, SIGTERM, NULL, TO_GROUP));
  close(fd), close(self);
}

static void comparisons(void) {
  pid_t pid, me = getpid();
  for (int i = 1; i < 7; i++) {
    CHILD(pid) say("kcmp %d: %d", i, syscall(NR_KCMP, me, getpid(), i, 0, 0) != 0), _exit(0);
    reap(pid);
    show("with oneself", syscall(NR_KCMP, me, me, i, 0, 0));
  }
  CHILD(pid) must(setuid(1000)), show("not to be looked at", syscall(NR_KCMP, me, me, 1, 0, 0)), _exit(0);
  reap(pid);
  pid = (pid_t)must(syscall(SYS_clone, 0x600 | SIGCHLD, 0, 0, 0, 0));
  if (!pid) say("files and directories shared: %ld %ld", syscall(NR_KCMP, me, getpid(), 2, 0, 0), syscall(NR_KCMP, me, getpid(), 3, 0, 0)), _exit(0);
  reap(pid);
}

static long open2(int dir, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve) {
  uint64_t how[3] = { flags, mode, resolve };
  return syscall(NR_OPENAT2, dir, name, how, sizeof how);
}
static void opening(void) {
  static uint64_t large[1024];
  show("openat2, larger than a page", syscall(NR_OPENAT2, AT_FDCWD, ".", large, 5000)), show("cached, and made", open2(AT_FDCWD, "new", O_CREAT | O_RDWR, 0600, CACHED)), show_ok("cached", open2(AT_FDCWD, ".", O_RDONLY, 0, CACHED)), show("a restricted file without a name, cut", open2(AT_FDCWD, ".", O_RDWR | O_TRUNC, 0, CACHED | BENEATH)), show("a file without a name, not a directory", open2(AT_FDCWD, ".", TMPFILE | O_RDWR, 0600, 0)), show("not to be written", open2(AT_FDCWD, ".", TMPFILE | O_DIRECTORY, 0600, 0));
  int file = (int)must(open("file", O_CREAT | O_RDWR, 0600)), dir = (int)must(open(".", O_RDONLY)), proc = (int)must(open("/proc/self", O_RDONLY));
  show("below a file", open2(file, "x", O_RDONLY, 0, BENEATH)), show_ok("here and here", open2(dir, "./././file", O_RDONLY, 0, BENEATH)), show_ok("only here", open2(dir, "./.", O_RDONLY, 0, BENEATH));
  must(symlink("/", "top")), must(symlink("/file", "inside")), must(mkdir("m", 0755)), must(mount("none", "m", "tmpfs", 0, NULL)), must(symlink("/etc", "m/etc"));
  show_ok("an absolute link below a root", open2(dir, "inside", O_RDONLY, 0, IN_ROOT)), show_ok("the root itself", open2(dir, "top", O_RDONLY, 0, IN_ROOT));
  show("a link itself", open2(dir, "inside", O_RDONLY | O_NOFOLLOW, 0, BENEATH)), show_ok("no more than that", open2(dir, "inside", O_PATH | O_NOFOLLOW, 0, BENEATH));
  int there = (int)must(open("m", O_RDONLY));
  show("to another mount by a link", open2(there, "etc", O_RDONLY, 0, NO_XDEV)), show("down to another mount", open2(dir, "m/etc", O_RDONLY, 0, NO_XDEV));
  show_ok("a magic link on the way", open2(proc, "root/proc", O_RDONLY, 0, CACHED)), show("a magic link to another mount", open2(proc, "root", O_RDONLY, 0, NO_XDEV)), show_ok("a magic link at the end", open2(proc, "ns/uts", O_RDONLY, 0, 0)), show("no magic links", open2(proc, "ns/uts", O_RDONLY, 0, NO_MAGICLINKS));
  int link = (int)must(open("/proc/self/fd", O_RDONLY));
  char name[20];
  snprintf(name, sizeof name, "%d", link), show_ok("a magic link within a mount", open2(link, name, O_RDONLY, 0, NO_XDEV)), snprintf(name, sizeof name, "%d/.", link), show_ok("on the way", open2(link, name, O_PATH, 0, NO_XDEV));
  close(there), must(umount("m"));
}

static void copies(void) {
  int from = (int)must(open("file", O_RDWR)), to = (int)must(open("to", O_CREAT | O_RDWR, 0600)), pipes[2], other = (int)must(syscall(NR_MEMFD_CREATE, "m", 0)), proc = (int)must(open("/proc/self/stat", O_RDONLY));
  must(pipe(pipes)), must(pwrite(from, "0123456789", 10, 0));
#define COPY(what, in, at, out, to_at, n) { int64_t i = at, o = to_at; show(what, syscall(NR_COPY_FILE_RANGE, in, &i, out, &o, n, 0)); }
  COPY("a pipe", pipes[0], 0, to, 0, 10UL) COPY("to another file system", from, 0, proc, 0, 10UL) COPY("a negative place", from, -1, to, 0, 10UL) COPY("one far off", from, -100, to, 0, 10UL) COPY("one to write to", from, 0, to, -100, 10UL) COPY("beyond the last byte", from, 0, to, LONG_MAX - 4, 10UL) COPY("nothing", from, 0, to, 0, 0UL) COPY("behind the end", from, 10, to, 0, 5UL) COPY("all", from, 0, to, 5, 100UL);
  struct rlimit limit = { 8, 8 };
  pid_t pid;
  CHILD(pid) {
    signal(SIGXFSZ, SIG_IGN), must(setrlimit(RLIMIT_FSIZE, &limit));
    COPY("up to the limit", from, 0, to, 4, 10UL) COPY("behind the limit", from, 0, to, 8, 2UL) _exit(0);
  }
  reap(pid);
  must(ftruncate(from, 300000)), must(ftruncate(to, 0));
  COPY("much", from, 0, to, 0, 300000UL) COPY("in whole pieces", from, 0, to, 0, 262144UL) close(other);
}

static void memory(void) {
  show("a program and none", syscall(NR_MEMFD_CREATE, "m", 8 | 16));
  int fd = (int)must(syscall(NR_MEMFD_CREATE, "m", 2)), plain = (int)must(open("file", O_RDWR)), reader;
  char path[40];
  must(ftruncate(fd, 3)), must(fcntl(fd, ADD_SEALS, 4));
  show("grow by a write behind", pwrite(fd, "x", 1, 10)), show("across the end", pwrite(fd, "xyz", 3, 1)), show("within", pwrite(fd, "xy", 2, 1));
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd), reader = (int)must(open(path, O_RDONLY)), show("a seal by a reader", fcntl(reader, ADD_SEALS, 2));
  show("seals of a file", fcntl(plain, GET_SEALS)), show("a seal of it", fcntl(plain, ADD_SEALS, 1));
  struct rlimit none = { 20, 20 };
  pid_t pid;
  CHILD(pid) {
    must(setrlimit(RLIMIT_NOFILE, &none));
    while (dup(0) >= 0) continue;
    show("no descriptors", syscall(NR_MEMFD_CREATE, "m", 0)), show("pidfd_open", syscall(NR_PIDFD_OPEN, getpid(), 0)), _exit(0);
  }
  reap(pid);
}

int main(void) {
  char place[] = "/tmp/later_refusals_XXXXXX";
  must(mkdtemp(place) ? 0 : -1), must(chmod(place, 0755)), must(mount("none", place, "tmpfs", 0, NULL)), must(chdir(place));
  pidfds(), comparisons(), opening(), copies(), memory(), (void)P;
  must(chdir("/")), must(umount2(place, MNT_DETACH)), rmdir(place);
  return 0;
}
