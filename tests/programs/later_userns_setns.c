/* Into user namespaces and out of them: setns with a link and with a pidfd, and what a link tells of its namespace. */
// later: all
// needs: root
#include "userns.h"
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define NS_GET_USERNS 0xb701
#define NS_GET_PARENT 0xb702
#define NS_GET_NSTYPE 0xb703
#define NS_GET_OWNER_UID 0xb704

static int open_ns(pid_t pid, const char *kind) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
  return (int)must(open(path, O_RDONLY | O_CLOEXEC));
}

static unsigned long number(int fd) {
  struct stat st;
  must(fstat(fd, &st));
  return st.st_ino;
}

static unsigned long own(const char *kind) {
  int fd = open_ns(getpid(), kind);
  unsigned long n = number(fd);
  close(fd);
  return n;
}

/* A process in namespaces of its own that waits to be killed; uid 1000 has made it and is root in it. */
static pid_t sleeper(int flags) {
  struct gate made = new_gate(), mapped = new_gate(), ready = new_gate();
  pid_t pid;
  CHILD(pid) {
    become(1000);
    must(unshare(CLONE_NEWUSER));
    open_gate(&made);
    pass_gate(&mapped);
    must(setresuid(0, 0, 0));
    must(setresgid(0, 0, 0));
    must(prctl(PR_SET_DUMPABLE, 1));
    if (flags) must(unshare(flags));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&made);
  write_maps(pid, "0 1000 10", "0 1000 10");
  open_gate(&mapped);
  pass_gate(&ready);
  return pid;
}

static int full(void) {
  unsigned head[2] = { 0x20080522, 0 }, sets[6];
  must(syscall(SYS_capget, head, sets));
  return sets[0] == ~0U;
}

static void by_link(void) {
  pid_t box = sleeper(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID), pid;
  int user_ns = open_ns(box, "user"), uts = open_ns(box, "uts"), outer = open_ns(getpid(), "user"), outer_uts = open_ns(getpid(), "uts");
  int mnt = open_ns(box, "mnt"), net = open_ns(box, "net");
  CHILD(pid) {
    become(1001);
    show("another: user", setns(user_ns, 0));
    show("uts", setns(uts, 0));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    become(1000);
    show("its maker: uts first", setns(uts, 0));
    show("mnt first", setns(mnt, 0));
    show("user", setns(user_ns, CLONE_NEWUSER));
    say("can be dumped %d", prctl(PR_GET_DUMPABLE));
    say("called %d:%d, all capabilities %d, the namespace is that %d", (int)getuid(), (int)getgid(), full(), own("user") == number(user_ns));
    show("again", setns(user_ns, 0));
    show("back", setns(outer, 0));
    show("uts", setns(uts, 0));
    show("a name", sethostname("box", 3));
    show("net", setns(net, 0));
    show("mnt", setns(mnt, 0));
    show("back to the machine's name", setns(outer_uts, 0));
    show("one below", unshare(CLONE_NEWUSER));
    show("the one above", setns(user_ns, 0));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(setgroups(0, NULL));
    show("root: user", setns(user_ns, 0));
    say("can be dumped %d", prctl(PR_GET_DUMPABLE));
    say("called %d:%d, all capabilities %d", (int)getuid(), (int)getgid(), full());
    show("becomes root there", setresuid(0, 0, 0));
    say("called %d", (int)getuid());
    show("back", setns(outer, 0));
    _exit(0);
  }
  wait_for(pid);
  gone(box);
}

static void by_pidfd(void) {
  pid_t box = sleeper(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET), pid;
  int fd = (int)must(syscall(SYS_pidfd_open, box, 0)), uts = open_ns(box, "uts"), mnt = open_ns(box, "mnt");
  int every = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
  show("no kind", setns(fd, 0));
  show("no kind of namespace", setns(fd, CLONE_FS));
  show("and one", setns(fd, CLONE_FS | CLONE_NEWUTS));
  show("of no process", setns(0, CLONE_NEWUTS));
  show("a link, two kinds", setns(uts, CLONE_NEWUTS | CLONE_NEWIPC));
  CHILD(pid) {
    int roots = (int)must(syscall(SYS_pidfd_open, getppid(), 0));
    become(1001);
    show("root's, of users", setns(roots, CLONE_NEWUSER));
    show("another", setns(fd, CLONE_NEWUSER));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    become(1000);
    show("its maker: without the user namespace", setns(fd, CLONE_NEWUTS));
    show("with that of processes", setns(fd, every));
    show("all others at once", setns(fd, every & ~CLONE_NEWPID));
    say("in its uts %d, its mnt %d, called %d, all capabilities %d", own("uts") == number(uts), own("mnt") == number(mnt), (int)getuid(), full());
    show("again", setns(fd, every));
    show("but for users", setns(fd, every & ~(CLONE_NEWUSER | CLONE_NEWPID)));
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    pid_t sharer = (pid_t)must(clone_fork(CLONE_FS | SIGCHLD));
    if (!sharer) for (;;) pause();
    show("root, whose root directory is another's: mnt", setns(fd, CLONE_NEWNS));
    show("mnt and uts", setns(fd, CLONE_NEWNS | CLONE_NEWUTS));
    show("user", setns(fd, CLONE_NEWUSER));
    say("in its uts %d", own("uts") == number(uts));
    gone(sharer);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(setgroups(0, NULL));
    show("root", setns(fd, every));
    say("called %d", (int)getuid());
    _exit(0);
  }
  wait_for(pid);
  kill(box, SIGKILL);
  siginfo_t info;
  must(waitid(P_PID, (id_t)box, &info, WEXITED | WNOWAIT));
  show("a zombie's", setns(fd, CLONE_NEWUTS));
  wait_for(box);
  show("nobody's", setns(fd, CLONE_NEWUTS));
  close(fd);
}

static void tell(const char *what, int fd, int users) {
  int owner = ioctl(fd, NS_GET_USERNS), e = errno, parent = -1, pe;
  uid_t uid = 77;
  say("%s: kind %x", what, ioctl(fd, NS_GET_NSTYPE));
  say("  owner %s, that %d", owner < 0 ? errname(e) : "seen", owner >= 0 && number(owner) == number(users));
  parent = ioctl(fd, NS_GET_PARENT), pe = errno;
  say("  parent %s", parent < 0 ? errname(pe) : "seen");
  show("  maker", ioctl(fd, NS_GET_OWNER_UID, &uid));
  say("  %d", (int)uid);
  if (owner >= 0) say("  closed by exec %d, kind %x", fcntl(owner, F_GETFD), ioctl(owner, NS_GET_NSTYPE)), close(owner);
  if (parent >= 0) close(parent);
}

static void told(void) {
  static const char *const kinds[] = { "user", "uts", "ipc", "mnt", "net", "pid", "pid_for_children" };
  pid_t box = sleeper(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET), pid, empty = sleeper(CLONE_NEWPID);
  char path[64], text[64];
  snprintf(path, sizeof path, "/proc/%d/ns/pid_for_children", (int)empty);
  show("a namespace for children that has none yet", readlink(path, text, sizeof text));
  show("opened", open(path, O_RDONLY));
  gone(empty);
  int users = open_ns(box, "user"), outer = open_ns(getpid(), "user"), links[7];
  for (int i = 0; i < 7; i++) links[i] = open_ns(box, kinds[i]);
  for (int i = 0; i < 7; i++) tell(kinds[i], links[i], i ? users : outer);
  tell("the first of users", outer, outer);
  int outer_pid = open_ns(getpid(), "pid");
  tell("the first of processes", outer_pid, outer);
  CHILD(pid) {
    must(unshare(CLONE_NEWPID));
    pid_t child;
    CHILD(child) {
      int mine = (int)must(open("/proc/self/ns/pid", O_RDONLY));
      tell("its own of processes", mine, outer);
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
  show("an unknown question", ioctl(outer, 0xb7ff));
  show("no room", ioctl(outer, NS_GET_OWNER_UID, 8));
  CHILD(pid) {
    must(setgroups(0, NULL));
    must(setns(users, 0));
    say("from within");
    tell("user", users, outer);
    tell("uts", links[1], users);
    tell("the first of users", outer, outer);
    must(setresgid(0, 0, 0));
    must(setresuid(0, 0, 0));
    must(unshare(CLONE_NEWUSER));
    tell("from below: uts", links[1], users);
    int mine = open_ns(getpid(), "user");
    tell("its own", mine, users);
    _exit(0);
  }
  wait_for(pid);
  gone(box);
}

int main(void) {
  by_link();
  by_pidfd();
  told();
  return 0;
}
