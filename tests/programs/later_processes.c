/* What came after 3.2 for processes: pidfds, clone3 and CLONE_PIDFD, waitid(P_PIDFD), execveat, subreapers, the list of a
 * thread's children. */
// later: all
// needs: root
#include "check.h"

#include <poll.h>

enum {
  NR_EXECVEAT = 322, NR_MEMFD_CREATE = 319, NR_PIDFD_SEND_SIGNAL = 424, NR_PIDFD_OPEN = 434, NR_CLONE3 = 435,
  NR_PIDFD_GETFD = 438, BY_PIDFD = 3, PIDFD = 0x1000, EMPTY_PATH = 0x1000, NOFOLLOW = 0x100,
};
#define CLEAR_SIGHAND (1ULL << 32)

struct args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };
#define ADDRESS(x) ((uint64_t)(uintptr_t)(x))

static long clone3_(struct args args) { return syscall(NR_CLONE3, &args, sizeof args); }
static long wait_by(int pidfd, siginfo_t *info, int options) { return syscall(SYS_waitid, BY_PIDFD, pidfd, info, options, NULL); }
static long send_by(int pidfd, int sig, siginfo_t *info) { return syscall(NR_PIDFD_SEND_SIGNAL, pidfd, sig, info, 0); }

static pid_t sleeper(void) {
  pid_t pid;
  CHILD(pid) for (;;) pause();
  return pid;
}

static void opened(void) {
  show("process 0", syscall(NR_PIDFD_OPEN, 0, 0));
  show("process -1", syscall(NR_PIDFD_OPEN, -1, 0));
  show("nobody", syscall(NR_PIDFD_OPEN, 999999, 0));
  show("unknown flags", syscall(NR_PIDFD_OPEN, getpid(), 1));
  pid_t pid = sleeper();
  int fd = (int)must(syscall(NR_PIDFD_OPEN, pid, 0));
  siginfo_t info;
  char c;
  show("closed by exec", fcntl(fd, F_GETFD));
  show("asked for", send_by(fd, 0, NULL));
  show("no pidfd", send_by(0, 0, NULL));
  show("no descriptor", send_by(99, 0, NULL));
  show("no signal", send_by(fd, 99, NULL));
  show("unknown flags", syscall(NR_PIDFD_SEND_SIGNAL, fd, 0, NULL, 0x100));
  memset(&info, 0, sizeof info);
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  show("another signal in the siginfo", send_by(fd, SIGUSR2, &info));
  info.si_code = 0;
  show("the kernel's code", send_by(fd, SIGUSR1, &info));
  struct pollfd poll_fd = { fd, POLLIN, 0 };
  show("alive: poll", poll(&poll_fd, 1, 0));
  show("read", read(fd, &c, 1));
  show("killed", send_by(fd, SIGKILL, NULL));
  show("poll", poll(&poll_fd, 1, -1));
  say("events %x", (unsigned)poll_fd.revents);
  show("left", wait_by(fd, &info, WEXITED | WNOWAIT));
  say("code %d status %d", info.si_code, info.si_status);
  show("taken", wait_by(fd, &info, WEXITED));
  show("taken again", wait_by(fd, &info, WEXITED));
  show("a signal to nobody", send_by(fd, 0, NULL));
  show("no pidfd", wait_by(1, &info, WEXITED));
  show("no descriptor", wait_by(-5, &info, WEXITED));
}

static void not_waited_for(void) {
  siginfo_t info;
  pid_t pid = sleeper();
  int fd = (int)must(syscall(NR_PIDFD_OPEN, pid, O_NONBLOCK));
  show("non-blocking", wait_by(fd, &info, WEXITED));
  show("WNOHANG", wait_by(fd, &info, WEXITED | WNOHANG));
  say("pid %d", (int)info.si_pid);
  int its = (int)syscall(NR_PIDFD_GETFD, fd, 1, 0);
  say("its descriptor 1: %d, closed by exec %d", its > 0, fcntl(its, F_GETFD));
  show("one that it has not", syscall(NR_PIDFD_GETFD, fd, 77, 0));
  show("unknown flags", syscall(NR_PIDFD_GETFD, fd, 1, 1));
  show("no pidfd", syscall(NR_PIDFD_GETFD, 1, 1, 0));
  kill(pid, SIGKILL);
  wait_for(pid);
  show("of nobody", syscall(NR_PIDFD_GETFD, fd, 1, 0));
  show("gone", syscall(NR_PIDFD_OPEN, pid, 0));
}

static void not_allowed(void) {
  pid_t pid, root = sleeper();
  int fd = (int)must(syscall(NR_PIDFD_OPEN, root, 0)), nr = 23457;
  CHILD(pid) {
    must(setuid(1000));
    show("a descriptor of root's", syscall(NR_PIDFD_GETFD, fd, 1, 0));
    show("a signal to root's", send_by(fd, SIGTERM, NULL));
    show("a number", clone3_((struct args){ .exit_signal = SIGCHLD, .set_tid = ADDRESS(&nr), .set_tid_size = 1 }));
    _exit(0);
  }
  wait_for(pid);
  pid = (pid_t)must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (!pid) {
    show("a signal to who is outside the pid namespace", send_by(fd, 0, NULL));
    _exit(0);
  }
  wait_for(pid);
  kill(root, SIGKILL);
  wait_for(root);
}

static void refused(void) {
  char page[4104] = { 0 };
  int nr = 1, fd;
  show("too small", syscall(NR_CLONE3, page, 56));
  show("larger than a page", syscall(NR_CLONE3, page, sizeof page));
  page[96] = 1;
  show("what nobody knows", syscall(NR_CLONE3, page, 104));
  show("a signal in the flags", clone3_((struct args){ .flags = SIGCHLD }));
  show("signal 200", clone3_((struct args){ .exit_signal = 200 }));
  show("signal 300", clone3_((struct args){ .exit_signal = 300 }));
  show("unknown flags", clone3_((struct args){ .flags = 1ULL << 40 }));
  show("a stack without a size", clone3_((struct args){ .stack = 4096 }));
  show("a size without a stack", clone3_((struct args){ .stack_size = 4096 }));
  show("a thread with an exit signal",
       clone3_((struct args){ .flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, .exit_signal = SIGCHLD }));
  show("a thread with its own handlers", clone3_((struct args){ .flags = CLONE_THREAD }));
  show("handlers shared and cleared", clone3_((struct args){ .flags = CLONE_VM | CLONE_SIGHAND | CLEAR_SIGHAND }));
  show("detached", clone3_((struct args){ .flags = 0x400000 }));
  show("one number, and none", clone3_((struct args){ .set_tid_size = 1 }));
  show("40 numbers", clone3_((struct args){ .set_tid = ADDRESS(&nr), .set_tid_size = 40 }));
  show("numbers nowhere", clone3_((struct args){ .set_tid = 1, .set_tid_size = 1 }));
  nr = getpid();
  show("a number in use", clone3_((struct args){ .exit_signal = SIGCHLD, .set_tid = ADDRESS(&nr), .set_tid_size = 1 }));
  nr = 0;
  show("number 0", clone3_((struct args){ .set_tid = ADDRESS(&nr), .set_tid_size = 1 }));
  nr = 1 << 30;
  show("a number too high", clone3_((struct args){ .set_tid = ADDRESS(&nr), .set_tid_size = 1 }));
  show("a pidfd nowhere", clone3_((struct args){ .flags = PIDFD, .pidfd = 1, .exit_signal = SIGCHLD }));
  show("one place for two",
       clone3_((struct args){ .flags = PIDFD | CLONE_PARENT_SETTID, .pidfd = ADDRESS(&fd), .parent_tid = ADDRESS(&fd) }));
}

static void handler(int sig) { (void)sig; }

static void made(void) {
  siginfo_t info;
  int fd = -1, nr = 23456;
  long pid = must(clone3_((struct args){ .flags = PIDFD, .pidfd = ADDRESS(&fd), .exit_signal = SIGCHLD }));
  if (!pid) _exit(3);
  say("a pidfd: %d", fd > 2);
  show("waited for", wait_by(fd, &info, WEXITED));
  say("status %d", info.si_status);
  pid = must(clone3_((struct args){ .exit_signal = SIGCHLD, .set_tid = ADDRESS(&nr), .set_tid_size = 1 }));
  if (!pid) _exit(getpid() == nr);
  say("number %ld: %s", pid, reap((pid_t)pid));
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, SIG_IGN);
  pid = must(clone3_((struct args){ .flags = CLEAR_SIGHAND, .exit_signal = SIGCHLD }));
  if (!pid) {
    struct sigaction handled, ignored;
    sigaction(SIGUSR1, NULL, &handled);
    sigaction(SIGUSR2, NULL, &ignored);
    say("handlers: default %d, ignored %d", handled.sa_handler == SIG_DFL, ignored.sa_handler == SIG_IGN);
    _exit(0);
  }
  reap((pid_t)pid);
  fd = -1;
  pid = must(syscall(SYS_clone, PIDFD | SIGCHLD, 0, &fd, 0, 0));
  if (!pid) _exit(0);
  say("clone: a pidfd %d, %s", fd > 2, reap((pid_t)pid));
  show("and a number there", syscall(SYS_clone, PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0));
}

static void try_exec(const char *what, int fd, const char *name, int flags) {
  char *argv[] = { "x", NULL }, *envp[] = { NULL };
  syscall(NR_EXECVEAT, fd, name, argv, envp, flags);
  say("%s: %s", what, errname(errno));
}

static void executed(void) {
  char *argv[] = { "x", "again", NULL }, *envp[] = { NULL };
  static char buf[65536];
  int self = (int)must(open("/proc/self/exe", O_RDONLY)), copy = (int)must(syscall(NR_MEMFD_CREATE, "program", 0));
  for (ssize_t n; (n = read(self, buf, sizeof buf)) > 0;) must(write(copy, buf, (size_t)n));
  pid_t pid;
  CHILD(pid) {
    syscall(NR_EXECVEAT, copy, "", argv, envp, EMPTY_PATH);
    _exit(98);
  }
  say("a program in memory: %s", reap(pid));
  write_file("script", "#!/bin/sh\nexit 5\n", 0755);
  must(symlink("script", "link"));
  int dir = (int)must(open(".", O_RDONLY | O_DIRECTORY)), script = (int)must(open("script", O_RDONLY));
  int closed = (int)must(open("script", O_RDONLY | O_CLOEXEC));
  CHILD(pid) try_exec("failed", script, "", EMPTY_PATH);
  say("a script that is open: %s", reap(pid));
  CHILD(pid) try_exec("failed", dir, "script", 0);
  say("by name: %s", reap(pid));
  try_exec("one that exec closes", closed, "", EMPTY_PATH);
  try_exec("a link itself", dir, "link", NOFOLLOW);
  try_exec("none", dir, "none", 0);
  try_exec("unknown flags", dir, "script", 0x4000);
  try_exec("no name", dir, "", 0);
  try_exec("no descriptor", 99, "script", 0);
  try_exec("a directory", dir, "", EMPTY_PATH);
}

static void orphans(void) {
  struct gate adopted = new_gate(), asked = new_gate();
  pid_t me = getpid(), first, pid;
  int is = 7, status;
  must(prctl(37, &is));
  say("subreaper: %d", is);
  CHILD(first) {
    pass_gate(&asked);
    CHILD(pid) {
      CHILD(pid) {
        int its;
        prctl(37, &its);
        for (int i = 0; i < 2000 && getppid() != me; i++) sleep_ms(1);
        open_gate(&adopted);
        _exit(getppid() == me ? 5 + its : 1);
      }
      _exit(0);
    }
    wait_for(pid);
    pause();
    _exit(0);
  }
  show("from now on", prctl(36, 1));
  must(prctl(37, &is));
  say("subreaper: %d", is);
  open_gate(&asked);
  pass_gate(&adopted);
  must(waitpid(-1, &status, 0));
  say("adopted, and waited for: %s", wait_str(status));
  kill(first, SIGKILL);
  wait_for(first);
  show("no more", prctl(36, 0));
}

static int born(void) { return (int)getpid() * 10 + (int)getppid(); }
static void own_numbers(void) {
  pid_t pid, child;
  CHILD(pid) {
    show("children in a pid namespace of their own", unshare(CLONE_NEWPID));
    show("once more", unshare(CLONE_NEWPID));
    show("yet another one", clone_fork(CLONE_NEWPID | SIGCHLD));
    show("a thread", syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0));
    pid_t init;
    struct gate said = new_gate();
    CHILD(init) {
      CHILD(child) _exit(born());
      say("the first's child: %s", reap(child));
      kill(getpid(), SIGTERM);
      say("it is an init: a signal of its own does not end it");
      open_gate(&said);
      pause();
      _exit(0);
    }
    pass_gate(&said);
    CHILD(child) _exit(born());
    say("the second: %s", reap(child));
    show("killed from outside", kill(init, SIGKILL));
    say("%s", reap(init));
    show("after the first has ended", fork());
    _exit(0);
  }
  say("%s", reap(pid));
}

static void children(void) {
  char path[64], text[64] = { 0 };
  pid_t first = sleeper(), second = sleeper();
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  int fd = (int)must(open(path, O_RDONLY));
  ssize_t n = read(fd, text, sizeof text - 1);
  char expected[64];
  snprintf(expected, sizeof expected, "%d %d ", (int)first, (int)second);
  say("children: %d", n > 0 && !strcmp(text, expected));
  memset(text, 0, sizeof text);
  must(readlink("/proc/thread-self", text, sizeof text - 1));
  snprintf(expected, sizeof expected, "%d/task/%d", (int)getpid(), (int)gettid_());
  say("thread-self: %d", !strcmp(text, expected));
  kill(first, SIGKILL), kill(second, SIGKILL);
  wait_for(first), wait_for(second);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "again")) return 7;
  go_to_scratch();
  opened();
  not_waited_for();
  not_allowed();
  refused();
  made();
  executed();
  orphans();
  own_numbers();
  children();
  return 0;
}
