/* User namespaces that anybody makes: when not, and what one can do and is called in one that has no maps yet. */
// later: all
// needs: root
#include "check.h"
#include <grp.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static int caps_full(void) {
  unsigned head[2] = { 0x20080522, 0 }, sets[6];
  must(syscall(SYS_capget, head, sets));
  return sets[0] == ~0U && sets[1] == ~0U;
}

static unsigned inheritable(void) {
  unsigned head[2] = { 0x20080522, 0 }, sets[6];
  must(syscall(SYS_capget, head, sets));
  return sets[2];
}

static long ns_number(const char *who) {
  char path[64], text[64] = { 0 };
  snprintf(path, sizeof path, "/proc/%s/ns/user", who);
  must(readlink(path, text, 63));
  return strtol(strchr(text, '[') + 1, NULL, 10);
}

static void me(const char *what) {
  gid_t groups[8];
  int n = getgroups(8, groups);
  say("%s: uid %d %d, gid %d %d, %d groups, all capabilities %d, securebits %d", what, (int)getuid(), (int)geteuid(), (int)getgid(),
      (int)getegid(), n, caps_full(), prctl(PR_GET_SECUREBITS));
}

static void *be_there(void *unused) {
  for (;;) pause();
  return unused;
}

static void refused(void) {
  pid_t pid;
  show("with CLONE_FS", clone_fork(CLONE_NEWUSER | CLONE_FS | SIGCHLD));
  show("a thread", clone_fork(CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
  show("a thread without signals", clone_fork(CLONE_NEWUSER | CLONE_THREAD));
  show("with mounts and CLONE_FS", clone_fork(CLONE_NEWUSER | CLONE_NEWNS | CLONE_FS));
  CHILD(pid) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, be_there, NULL) ? -1 : 0);
    show("of two threads", unshare(CLONE_NEWUSER));
    show("with an unknown flag", unshare(CLONE_NEWUSER | 0x1000));
    pid_t child = (pid_t)must(clone_fork(CLONE_NEWUSER | SIGCHLD));
    if (!child) _exit(0);
    say("another process: %s", reap(child));
    _exit(0);
  }
  wait_for(pid);
  pid = vfork();
  if (!pid) _exit(unshare(CLONE_NEWUSER) ? errno : 0);
  say("of who shares memory: %s", reap(pid));
  CHILD(pid) {
    struct gate moved = new_gate();
    pid_t sharer = (pid_t)must(clone_fork(CLONE_FS | SIGCHLD));
    if (!sharer) {
      pass_gate(&moved);
      say("the other is in the same directory %d", access("self/status", F_OK) == 0);
      _exit(0);
    }
    show("of who shares a root directory", unshare(CLONE_NEWUSER));
    must(chdir("/proc"));
    open_gate(&moved);
    wait_for(sharer);
    _exit(0);
  }
  wait_for(pid);
  go_to_scratch();
  must(mkdir("there", 0755));
  CHILD(pid) {
    must(chroot("there"));
    show("in another root directory", unshare(CLONE_NEWUSER));
    show("cloned", clone_fork(CLONE_NEWUSER | SIGCHLD));
    _exit(0);
  }
  wait_for(pid);
  for (int groups = 0; groups < 2; groups++) {
    CHILD(pid) {
      must(unshare(CLONE_NEWUSER));
      if (groups) {
        int denied = (int)must(open("/proc/self/setgroups", O_WRONLY));
        must(write(denied, "deny", 4));
        close(denied);
      }
      int map = (int)must(open(groups ? "/proc/self/gid_map" : "/proc/self/uid_map", O_WRONLY));
      must(write(map, "0 0 1", 5));
      show(groups ? "whose group has a name" : "who has one, and his group has not", unshare(CLONE_NEWUSER));
      _exit(0);
    }
    wait_for(pid);
  }
  CHILD(pid) {
    must(unshare(CLONE_NEWUSER));
    show("of who has no name", unshare(CLONE_NEWUSER));
    show("other kinds", unshare(CLONE_NEWUTS | CLONE_NEWIPC));
    say("still has all %d", caps_full());
    _exit(0);
  }
  wait_for(pid);
}

static void inside(void) {
  pid_t pid;
  long outer = ns_number("self");
  CHILD(pid) {
    must(prctl(PR_SET_SECUREBITS, 1));
    gid_t groups[] = { 7, 2000, 9 };
    must(setgroups(3, groups));
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    me("somebody");
    show("another host name", sethostname("no", 2));
    must(unshare(CLONE_NEWUSER));
    me("in a namespace");
    say("inherits %u, keeps %d, the namespace is new %d", inheritable(), prctl(PR_GET_KEEPCAPS), ns_number("self") != outer);
    say("can be dumped %d", prctl(PR_GET_DUMPABLE));
    show("to become root", setuid(0));
    show("itself", setuid(1000));
    show("nobody", setuid(65534));
    show("keep all", setresuid(-1, -1, -1));
    say("as whom files are looked at %d", setfsuid(0));
    show("no groups", setgroups(0, NULL));
    show("still the host's name", sethostname("no", 2));
    must(unshare(CLONE_NEWUTS));
    show("a name in a namespace of its own", sethostname("yes", 3));
    char name[16];
    must(gethostname(name, sizeof name));
    say("%s", name);
    pid_t child;
    CHILD(child) {
      must(prctl(PR_CAPBSET_DROP, 5));
      show("to drop one", prctl(PR_CAPBSET_READ, 5));
      _exit(0);
    }
    wait_for(child);
    _exit(0);
  }
  wait_for(pid);
  CHILD(pid) {
    must(setresuid(1000, 1000, 1000));
    pid_t child = (pid_t)must(clone_fork(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | SIGCHLD));
    if (!child) {
      me("all at once");
      say("number %d", (int)getpid());
      show("a name", sethostname("all", 3));
      _exit(0);
    }
    say("it ended: %s", reap(child));
    CHILD(child) {
      must(unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS));
      pid_t inner;
      CHILD(inner) {
        say("number %d", (int)getpid());
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

/* A namespace in a namespace, with root's name handed on. */
static int deeper(int left) {
  pid_t pid = (pid_t)clone_fork(CLONE_NEWUSER | SIGCHLD);
  if (pid < 0) {
    say("%d deep: %s", 41 - left, errname(errno));
    return 0;
  }
  if (!pid) {
    int map = (int)must(open("/proc/self/uid_map", O_WRONLY));
    if (write(map, "0 0 1\n", 6) < 0) say("map: %s", errname(errno));
    close(map);
    map = (int)must(open("/proc/self/setgroups", O_WRONLY));
    must(write(map, "deny", 4));
    map = (int)must(open("/proc/self/gid_map", O_WRONLY));
    must(write(map, "0 0 1\n", 6));
    _exit(left ? deeper(left - 1) : 0);
  }
  int status = wait_for(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void) {
  refused();
  inside();
  say("to the bottom: %d", deeper(40));
  return 0;
}
