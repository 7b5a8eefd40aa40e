/* A user namespace as far as 3.2 has it: a label on users. What its root may do, to whom, and to which files. */
// needs: root
// needs: glibc
// differs: later kernels have tables of ids, and let anybody make user namespaces, and nest them
#include "check.h"
#include <linux/capability.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <utime.h>

static void capabilities(const char *what) {
  struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct d[2];
  must(syscall(SYS_capget, &h, d));
  say("%s: effective %08x, permitted %08x, inheritable %08x", what, d[0].effective, d[0].permitted, d[0].inheritable);
}

static void ids(const char *what) {
  unsigned r, e, s, R, E, S;
  must(syscall(SYS_getresuid, &r, &e, &s));
  must(syscall(SYS_getresgid, &R, &E, &S));
  say("%s: uids %u %u %u, gids %u %u %u, %ld groups", what, r, e, s, R, E, S, syscall(SYS_getgroups, 0, 0));
}

static pid_t enter(unsigned long flags) { return (pid_t)clone_fork(CLONE_NEWUSER | flags | SIGCHLD); }

static void name_of(const char *what) {
  struct utsname u;
  must(uname(&u));
  say("%s: %s", what, !strcmp(u.nodename, "inside") ? "inside" : !strcmp(u.nodename, "again") ? "again" : "another");
}

static void making(void) {
  show("unshare", unshare(CLONE_NEWUSER));
  must((int)syscall(SYS_setgroups, 2, (unsigned[]){ 5, 7 }));
  pid_t pid = enter(0);
  if (pid == 0) {
    ids("inside");
    capabilities("inside");
    say("securebits %d", prctl(PR_GET_SECUREBITS));
    show("another one within", clone_fork(CLONE_NEWUSER | SIGCHLD));
    show("unshare NEWNS", unshare(CLONE_NEWNS));
    show("unshare NEWUTS", unshare(CLONE_NEWUTS));
    show("chroot", chroot("/"));
    show("drop from the bounding set", prctl(PR_CAPBSET_DROP, 5, 0, 0, 0));
    show("a higher hard limit", setrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 1 }) ?:
                                    setrlimit(RLIMIT_CORE, &(struct rlimit){ 2, 2 }));
    show("a lower nice value", setpriority(PRIO_PROCESS, 0, -5));
    show("real-time", sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 5 }));
    show("sethostname of the machine", sethostname("inside", 6));
    show("setgroups", (int)syscall(SYS_setgroups, 1, (unsigned[]){ 3 }));
    show("setresgid", setresgid(8, 9, 10));
    show("setresuid", setresuid(1000, 2000, 3000));
    ids("others");
    capabilities("without root");
    _exit(0);
  }
  reap(pid);
  must((int)syscall(SYS_setgroups, 0, NULL));
  pid = enter(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID);
  if (pid == 0) {
    show("sethostname of its own", sethostname("inside", 6));
    show("setdomainname", syscall(SYS_setdomainname, "inside", 6));
    name_of("the name");
    say("pid %d", getpid());
    must(setresuid(1000, 1000, 1000));
    show("sethostname as a user", sethostname("again", 5));
    _exit(0);
  }
  reap(pid);
  must(unshare(CLONE_NEWUTS));
  pid = enter(0);
  if (pid == 0) {
    show("sethostname of its maker's", sethostname("again", 5));
    _exit(0);
  }
  reap(pid);
  const int needed[] = { CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID };
  for (int i = 0; i < 3; i++) {
    CHILD(pid) {
      struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
      struct __user_cap_data_struct d[2];
      must(syscall(SYS_capget, &h, d));
      d[0].effective &= ~(1u << needed[i]);
      must(syscall(SYS_capset, &h, d));
      pid_t inner = (pid_t)clone_fork(CLONE_NEWUSER | SIGCHLD);
      if (inner == 0) _exit(0);
      show("without one of the three capabilities", inner > 0 ? 0 : inner);
      _exit(0);
    }
    reap(pid);
  }
  /* The three together with a thread, and with what is shared. */
  show("with THREAD", clone_fork(CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
  pid = enter(CLONE_FS);
  if (pid == 0) _exit(0);
  say("with FS: %s", reap(pid));
}

static void files(void) {
  go_to_scratch();
  must(chmod(".", 0777));
  write_file("secret", "x", 0600);
  write_file("group", "x", 0060);
  write_file("open", "x", 0606);
  write_file("user", "x", 0600);
  must(chown("user", 1000, 1000));
  must(mkdir("closed", 0700));
  must(mkdir("sticky", 01777));
  must(chmod("sticky", 01777));
  write_file("sticky/f", "x", 0666);
  must(mkdir("set", 02777));
  must(chmod("set", 02777));
  must(chown("set", 5, 77));
  must(chmod("set", 02777));
  pid_t pid = enter(0);
  if (pid == 0) {
    umask(0);
    show_ok("root's file", open("secret", O_RDONLY));
    show_ok("its group's", open("group", O_RDONLY));
    show_ok("anybody's", open("open", O_RDWR));
    show_ok("another user's", open("user", O_RDONLY));
    show("access", access("secret", R_OK));
    show("search", access("closed/x", F_OK));
    show("chmod", chmod("open", 0644));
    show("chown", chown("open", 0, 0));
    show("chown to another", chown("open", 3, 3));
    show("utimes to now", utime("open", NULL));
    show("utimes to a time", utime("open", &(struct utimbuf){ 5, 5 }));
    show_ok("O_NOATIME", open("open", O_RDONLY | O_NOATIME));
    show("unlink in a sticky directory", unlink("sticky/f"));
    show("rename in it", rename("sticky/f", "sticky/g"));
    int fd = (int)show_ok("make a file", open("mine", O_CREAT | O_RDWR, 0600));
    struct stat s;
    must(fstat(fd, &s));
    say("it belongs to %d %d", s.st_uid, s.st_gid);
    show("F_SETFL O_NOATIME", fcntl(fd, F_SETFL, O_NOATIME));
    show_ok("open it again", open("mine", O_RDONLY));
    show("fchmod", fchmod(fd, 0666));
    show("remove it", unlink("mine"));
    fd = (int)show_ok("in a set-group-id directory", open("set/mine", O_CREAT | O_RDWR, 0666));
    must(fstat(fd, &s));
    say("it belongs to %d %d", s.st_uid, s.st_gid);
    show("a FIFO", mknod("fifo", S_IFIFO | 0666, 0));
    show("a device", mknod("null", S_IFCHR | 0666, 0x103));
    show("a directory", mkdir("dir", 0700));
    show("in it", mkdir("dir/dir", 0700));
    show("read its directory", open("dir", O_RDONLY));
    fd = open("/proc/sys/kernel/panic", O_WRONLY);
    show_ok("a setting, by the number of its owner", fd);
    _exit(0);
  }
  reap(pid);
  struct stat s;
  must(stat("dir", &s));
  say("outside, its directory belongs to %d %d", s.st_uid, s.st_gid);
}

static void idle(struct gate *ready) {
  open_gate(ready);
  for (;;) pause();
}

/* What somebody outside may do to a process inside. */
static void to_it(const char *what, pid_t pid) {
  say("%s", what);
  show("  kill", kill(pid, 0));
  show("  SIGCONT", kill(pid, SIGCONT));
  show("  setpriority", setpriority(PRIO_PROCESS, pid, 5));
  show("  affinity", sched_setaffinity(pid, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } }));
  show("  policy", sched_setscheduler(pid, SCHED_BATCH, &(struct sched_param){ 0 }));
  show("  prlimit", prlimit(pid, RLIMIT_CORE, NULL, &(struct rlimit){ 0 }));
  void *head;
  size_t size;
  show("  robust list", syscall(SYS_get_robust_list, pid, &head, &size));
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/cwd", pid);
  char text[300];
  show_ok("  cwd", readlink(path, text, sizeof text));
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  show_ok("  environ", open(path, O_RDONLY));
  long r = ptrace(PTRACE_ATTACH, pid, 0, 0);
  show("  attach", r);
  if (r == 0) {
    waitpid(pid, NULL, 0);
    ptrace(PTRACE_DETACH, pid, 0, 0);
  }
}

static void processes(void) {
  struct gate ready = new_gate();
  pid_t root = enter(0);
  if (root == 0) {
    setsid();
    idle(&ready);
  }
  pass_gate(&ready);
  pid_t user = enter(0);
  if (user == 0) {
    setsid();
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    prctl(PR_SET_DUMPABLE, 1);
    idle(&ready);
  }
  pass_gate(&ready);
  to_it("root outside, to root inside", root);
  to_it("root outside, to a user inside", user);
  pid_t pid;
  CHILD(pid) {
    must(setresgid(1000, 1000, 1000));
    must(setresuid(1000, 1000, 1000));
    to_it("user 1000 outside, to user 1000 inside", user);
    to_it("user 1000 outside, to root inside", root);
    _exit(0);
  }
  reap(pid);
  CHILD(pid) {
    must(setresuid(0, 1000, 1000));
    to_it("who made it, without any capability", root);
    _exit(0);
  }
  reap(pid);
  pid_t outside = getpid();
  pid = enter(0);
  if (pid == 0) {
    setsid();
    to_it("root inside, to root outside", outside);
    to_it("root inside, to root in another one", root);
    _exit(0);
  }
  reap(pid);
  must(kill(root, SIGKILL));
  must(kill(user, SIGKILL));
  reap(root);
  reap(user);
}

static void limits(void) {
  /* The limit on processes counts users of each namespace for themselves, and spares the first root only. */
  pid_t pid = enter(0);
  if (pid == 0) {
    must(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 2, 2 }));
    pid_t a = fork();
    if (a == 0) {
      pause();
      _exit(0);
    }
    show_ok("one more", a);
    pid_t b = fork();
    if (b == 0) _exit(0);
    show_ok("two more", b);
    kill(a, SIGKILL);
    reap(a);
    _exit(0);
  }
  reap(pid);
}

int main(void) {
  making();
  files();
  processes();
  limits();
  return 0;
}
