/* The maps of a user namespace: what they take, from whom, and what who reads them sees. */
// later: all
// needs: root
#include "userns.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static long put(const char *who, const char *file, const char *text, size_t n) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/%s", who, file);
  int fd = open(path, O_RDWR);
  if (fd < 0) return -1;
  long done = write(fd, text, n);
  int e = errno;
  close(fd);
  errno = e;
  return done;
}

static long line(const char *who, const char *file, const char *text) { return put(who, file, text, strlen(text)); }

static void print(const char *what, const char *who, const char *file) {
  char path[64], text[8192] = { 0 };
  snprintf(path, sizeof path, "/proc/%s/%s", who, file);
  int fd = (int)must(open(path, O_RDONLY));
  must(read(fd, text, sizeof text - 1));
  close(fd);
  for (char *p = text; *p; p++)
    if (*p == '\n') *p = '|';
  say("%s: %s", what, text);
}

static const char *name_of(pid_t pid) {
  static char text[4][24];
  static int next;
  char *t = text[next++ % 4];
  snprintf(t, 24, "%d", (int)pid);
  return t;
}

static void drop(unsigned which) {
  unsigned head[2] = { 0x20080522, 0 }, sets[6];
  must(syscall(SYS_capget, head, sets));
  sets[0] &= ~which;
  if (which == ~0U) sets[3] = 0;
  must(syscall(SYS_capset, head, sets));
}

/* A child in a user namespace of its own that waits to be killed. */
static pid_t sleeper(void) {
  pid_t pid = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
  if (!pid) for (;;) pause();
  return pid;
}

static void takes(void) {
  static const char *const wrong[] = {
    "", "\n", "0", "0 0", "0 0 0", "0 0 1 1", "x 0 1", "0 x 1", "0 0 x", "0,0,1", "-1 0 1", "4294967295 0 1", "0 4294967295 1",
    "0 0 4294967296", "4294967294 0 2", "0 4294967294 3", "1 0 4294967295", "0 0 1\n\n", "0 0 1\n\n1 1 1", "0 0 1\n0 1 1", "0 0 1\n1 0 1", "0 0 5\n4 10 1",
    "0 0 5\n10 4 1", "0 0 1\nx", "0 0 1 #", "0x0 0 1", "0\v0\f1\n 2",
  };
  pid_t pid = sleeper();
  const char *who = name_of(pid);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) show(wrong[i], line(who, "uid_map", wrong[i]));
  print("still nothing", who, "uid_map");
  show("what the parent has not", line(who, "uid_map", "0 0 4294967295"));
  show("again", line(who, "uid_map", "5 5 1"));
  print("all", who, "uid_map");
  gone(pid);

  static const char *const right[] = { "  0\t0   1  ", "0 0 1\n", "1 2 3\n7 10 4\n", "00010 010 1", "4294967290 5 5", "9 9 1\0garbage" };
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    pid = sleeper();
    who = name_of(pid);
    show(right[i], i == 5 ? put(who, "uid_map", right[i], 13) : line(who, "uid_map", right[i]));
    print("uids", who, "uid_map");
    show("gids", line(who, "gid_map", right[i]));
    print("gids", who, "gid_map");
    show("projects", line(who, "projid_map", right[i]));
    print("projects", who, "projid_map");
    gone(pid);
  }

  pid = sleeper();
  who = name_of(pid);
  show("in disorder, six", line(who, "uid_map", "9 90 1\n7 70 1\n5 50 1\n3 30 1\n1 10 1\n8 80 1"));
  print("in order", who, "uid_map");
  show("in disorder, five", line(who, "gid_map", "9 90 1\n7 70 1\n5 50 1\n3 30 1\n1 10 1"));
  print("as they were", who, "gid_map");
  gone(pid);

  char text[8192];
  for (int n = 339; n <= 341; n++) {
    pid = sleeper();
    int at = 0;
    for (int i = 0; i < n; i++) at += sprintf(text + at, "%d %d 1\n", i, i);
    say("%d lines: %d", n, (int)(line(name_of(pid), "uid_map", text) == at));
    gone(pid);
  }
  pid = sleeper();
  memset(text, ' ', sizeof text);
  memcpy(text, "0 0 1", 5);
  show("a page", put(name_of(pid), "uid_map", text, 4096));
  show("nearly a page", put(name_of(pid), "uid_map", text, 4095));
  show("the first namespace's", line("self", "uid_map", "0 0 1"));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
  int fd = (int)must(open(path, O_RDWR));
  show("read before", read(fd, text, 100));
  show("at another place", lseek(fd, 1, SEEK_SET));
  show("there", write(fd, "0 0 1", 5));
  show("pwrite", pwrite(fd, "0 0 1", 5, 0));
  must(lseek(fd, 0, SEEK_SET));
  show("no memory", syscall(SYS_write, fd, 8L, 5L));
  show("at the beginning", write(fd, "0 0 1", 5));
  show("where it is now", lseek(fd, 0, SEEK_CUR));
  close(fd);
  struct stat st;
  must(stat(path, &st));
  say("mode %o of %d", st.st_mode, (int)st.st_uid);
  show("deny, afterwards", line(name_of(pid), "setgroups", "deny"));
  gone(pid);
  pid = sleeper();
  snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
  fd = (int)must(open(path, O_RDWR));
  show("allow", write(fd, "allow", 5));
  show("once more", write(fd, "allow", 5));
  close(fd);
  gone(pid);
}

/* By whom: pid's creator is uid 1000, of group 1000. */
static void permitted(void) {
  pid_t pid;
  CHILD(pid) {
    must(setgroups(0, NULL));
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    must(prctl(PR_SET_DUMPABLE, 1));
    pid_t child;
    show("the first namespace's, to write", open("/proc/self/setgroups", O_WRONLY));
    show("to read", close((int)must(open("/proc/self/setgroups", O_RDONLY))));
    CHILD(child) {
      must(unshare(CLONE_NEWUSER));
      drop(~0U);
      show("without capabilities", line("self", "uid_map", "0 1000 1"));
      show("projects, without", line("self", "projid_map", "0 0 10"));
      _exit(0);
    }
    wait_for(child);
    CHILD(child) {
      must(unshare(CLONE_NEWUSER));
      print("setgroups", "self", "setgroups");
      show("somebody else", line("self", "uid_map", "0 1001 1"));
      show("root", line("self", "uid_map", "0 0 1"));
      show("two", line("self", "uid_map", "0 1000 2"));
      show("two lines", line("self", "uid_map", "0 1000 1\n1 1001 1"));
      show("a group", line("self", "gid_map", "0 1000 1"));
      show("himself", line("self", "uid_map", "0 1000 1"));
      say("called %d", (int)getuid());
      show("a group still", line("self", "gid_map", "0 1000 1"));
      show("projects", line("self", "projid_map", "0 0 10"));
      static const char *const words[] = { "", "den", "denyx", "allowed", "allow", "allow\n", " deny", "deny    ", "deny\0x", "deny\n" };
      for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        show(words[i], i == 8 ? put("self", "setgroups", words[i], 6) : line("self", "setgroups", words[i]));
      }
      print("setgroups", "self", "setgroups");
      show("allow", line("self", "setgroups", "allow"));
      show("another group", line("self", "gid_map", "0 1001 1"));
      show("his group", line("self", "gid_map", "5 1000 1"));
      say("group %d", (int)getgid());
      show("no groups", setgroups(0, NULL));
      show("become 5", setresgid(5, 5, 5));
      pid_t inner;
      CHILD(inner) {
        must(unshare(CLONE_NEWUSER));
        print("inherited", "self", "setgroups");
        print("root's, from below", "1", "uid_map");
        show("root here", line("self", "uid_map", "7 0 1"));
        print("seen in it", "self", "uid_map");
        _exit(0);
      }
      wait_for(inner);
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
}

static int open_map(pid_t pid, const char *file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
  return (int)must(open(path, O_RDWR));
}

/* Who opened it, and who writes. */
static void openers(void) {
  pid_t pid = sleeper(), child;
  int map = open_map(pid, "uid_map"), groups = open_map(pid, "gid_map"), words = open_map(pid, "setgroups");
  CHILD(child) {
    must(setresuid(1000, 1000, 1000));
    show("opened by root, written by another", write(map, "0 5 1", 5));
    show("groups", write(groups, "0 5 1", 5));
    show("setgroups", write(words, "deny", 4));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
    show("to write", open(path, O_WRONLY));
    show("to read", close((int)must(open(path, O_RDONLY))));
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    show("a map to write", open(path, O_WRONLY));
    _exit(0);
  }
  wait_for(child);
  print("setgroups", name_of(pid), "setgroups");
  show("by root", write(map, "0 5 10", 6));
  gone(pid);

  pid = sleeper();
  int fds[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
  map = open_map(pid, "uid_map");
  CHILD(child) {
    must(setresuid(1000, 1000, 1000));
    must(unshare(CLONE_NEWUSER));
    show("written from a namespace beside it", write(map, "0 5 1", 5));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    show("opened there", open(path, O_RDONLY) < 0 ? -1 : 0);
    _exit(0);
  }
  wait_for(child);
  gone(pid);

  /* Opened by somebody, written by root: his own may be. */
  CHILD(pid) {
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    must(prctl(PR_SET_DUMPABLE, 1));
    must(unshare(CLONE_NEWUSER));
    struct msghdr m = { 0 };
    int mine = (int)must(open("/proc/self/uid_map", O_RDWR));
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec v = { "x", 1 };
    m.msg_iov = &v;
    m.msg_iovlen = 1;
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &mine, sizeof(int));
    must(sendmsg(fds[1], &m, 0));
    for (;;) pause();
  }
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec v = { &byte, 1 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  must(recvmsg(fds[0], &m, 0));
  int theirs;
  memcpy(&theirs, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof theirs);
  show("opened by somebody, for root's id", write(theirs, "0 0 1", 5));
  show("for two", write(theirs, "0 1000 2", 8));
  show("for another", write(theirs, "0 1001 1", 8));
  show("for his", write(theirs, "0 1000 1", 8));
  char text[100] = { 0 };
  must(pread(theirs, text, 99, 0));
  say("as its opener reads it: %.33s", text);
  print("as root does", name_of(pid), "uid_map");
  gone(pid);
}

/* A namespace of somebody else's, and one that is two below. */
static void strangers(void) {
  struct gate ready = new_gate();
  pid_t pid, child, *inner = shared_memory(sizeof *inner);
  CHILD(pid) {
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    must(prctl(PR_SET_DUMPABLE, 1));
    must(unshare(CLONE_NEWUSER));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  CHILD(child) {
    drop(1U << 7);
    show("its writer's own id, in another's", line(name_of(pid), "uid_map", "0 0 1"));
    show("its maker's", line(name_of(pid), "uid_map", "0 1000 1"));
    _exit(0);
  }
  wait_for(child);
  gone(pid);
  CHILD(pid) {
    must(unshare(CLONE_NEWUSER));
    must(line("self", "uid_map", "0 0 1"));
    must(line("self", "setgroups", "deny"));
    must(line("self", "gid_map", "0 0 1"));
    pid_t below = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
    if (!below) for (;;) pause();
    *inner = below;
    open_gate(&ready);
    wait_for(below);
    _exit(0);
  }
  pass_gate(&ready);
  show("two below", line(name_of(*inner), "uid_map", "0 0 1"));
  kill(*inner, SIGKILL);
  wait_for(pid);
}

/* A namespace whose maker had no CAP_SETFCAP gives nobody root's id. */
static void roots(void) {
  pid_t pid;
  CHILD(pid) {
    drop(1U << 31);
    pid_t child = sleeper();
    show("root's id, from outside", line(name_of(child), "uid_map", "0 0 1"));
    show("another", line(name_of(child), "uid_map", "0 1 1"));
    gone(child);
    must(unshare(CLONE_NEWUSER));
    show("from within", line("self", "uid_map", "0 0 1"));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(unshare(CLONE_NEWUSER));
    show("by who had it", line("self", "uid_map", "0 0 1"));
    show("a group, allowed to choose", line("self", "gid_map", "0 0 1"));
    show("then denied", line("self", "setgroups", "deny"));
    show("a group", line("self", "gid_map", "0 0 1"));
    pid_t child = sleeper();
    print("a child's", name_of(child), "setgroups");
    show("a child's map", line(name_of(child), "uid_map", "3 0 1"));
    show("what is not there", line(name_of(child), "gid_map", "3 1 1"));
    show("a child's groups", line(name_of(child), "gid_map", "3 0 1"));
    print("a child's map", name_of(child), "uid_map");
    gone(child);
    _exit(0);
  }
  wait_for(pid);
}

int main(void) {
  takes();
  permitted();
  openers();
  strangers();
  roots();
  return 0;
}
