/* mq_notify(2): by signal or silently, once, and who gives a registration up by what. */
// differs: to later kernels such a signal is one of a user: beyond RLIMIT_SIGPENDING it comes without what it says
#include "check.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct attr { long flags, maxmsg, msgsize, curmsgs, reserved[4]; };
struct event { unsigned long value; int signo, notify, pad[12]; };

static int q;
static long notify(int how, int signo, unsigned long value) {
  struct event e = { .value = value, .signo = signo, .notify = how };
  return syscall(SYS_mq_notify, q, &e);
}
static long no_notify(void) { return syscall(SYS_mq_notify, q, NULL); }
static long send_(const char *text) { return syscall(SYS_mq_timedsend, q, text, strlen(text), 0, NULL); }
static void receive(void) {
  char text[16];
  must(syscall(SYS_mq_timedreceive, q, text, 16, NULL, NULL));
}
static void status(const char *name) {
  char text[100];
  ssize_t n = pread(q, text, 99, 0);
  text[n < 0 ? 0 : n] = 0;
  int qsize, how, signo, pid;
  if (sscanf(text, "QSIZE:%d NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &qsize, &how, &signo, &pid) != 4) say("%s: %s", name, text);
  else say("%s: %d bytes, notify %d, signal %d, %s", name, qsize, how, signo, relation(pid, getpid(), getppid(), -1));
}
static void new_queue(const char *name) {
  struct attr attr = { .maxmsg = 3, .msgsize = 16 };
  q = (int)must(syscall(SYS_mq_open, name, O_CREAT | O_RDWR | O_EXCL, 0600, &attr));
}
static void taken(const char *name, int sig) {
  sigset_t set = set_of(sig, 0);
  siginfo_t info;
  struct timespec none = { 0, 0 };
  memset(&info, 0, sizeof info);
  int r = sigtimedwait_(&set, &info, &none);
  if (r < 0) show(name, r);
  else say("%s: signal %d, code %d, value %lx, from %s, uid %d", name, r, info.si_code, (long)info.si_value.sival_ptr,
           relation(info.si_pid, getpid(), getppid(), -1), info.si_uid);
}

static void errors(void) {
  int p[2], s;
  must(pipe(p));
  s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
  char cookie[32] = { 0 };
  show("bad address", syscall(SYS_mq_notify, 99, 8));
  show("SIGEV_THREAD_ID", notify(4, SIGUSR1, 0));
  show("notify 3", notify(3, SIGUSR1, 0));
  show("notify -1", notify(-1, SIGUSR1, 0));
  show("signal 65", notify(0, 65, 0));
  show("signal -1", notify(0, -1, 0));
  show("SIGEV_NONE of signal 65", notify(1, 65, 0));
  show("nobody", no_notify());
  show("cookie at a bad address", notify(2, 99, 8));
  show("a thread by no descriptor", notify(2, 99, (unsigned long)cookie));
  show("a thread by a pipe", notify(2, p[0], (unsigned long)cookie));
  show("a thread by a local socket", notify(2, s, (unsigned long)cookie));
  struct event e = { .notify = 0, .signo = SIGUSR1 };
  show("no descriptor", syscall(SYS_mq_notify, 99, &e));
  show("a pipe", syscall(SYS_mq_notify, p[0], &e));
  show("a pipe, nobody", syscall(SYS_mq_notify, p[0], NULL));
}

static void once(void) {
  block(SIGUSR1);
  block(RT(1));
  show("register", notify(0, SIGUSR1, 0x123456789abcUL));
  status("registered");
  show("again", notify(0, SIGUSR1, 1));
  show("message", send_("one"));
  taken("told", SIGUSR1);
  status("told");
  show("another message", send_("two"));
  taken("not told", SIGUSR1);
  show("register with messages there", notify(0, RT(1), 7));
  show("a third", send_("three"));
  taken("not told", RT(1));
  receive(), receive(), receive();
  show("the first", send_("1"));
  taken("told", RT(1));
  receive();
  show("silently", notify(1, SIGUSR1, 0));
  status("silently");
  show("message", send_("x"));
  status("over");
  receive();
  show("signal 0", notify(0, 0, 0));
  status("signal 0");
  show("message", send_("y"));
  status("over");
  receive();
}

static void receivers_first(void) {
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    receive();
    _exit(0);
  }
  wait_asleep(pid);
  show("register", notify(0, SIGUSR1, 5));
  show("message", send_("for the sleeper"));
  say("%s", reap(pid));
  status("still registered");
  taken("not told", SIGUSR1);
  show("not any more", no_notify());
  status("not any more");
}

static void given_up(void) {
  show("register", notify(0, SIGUSR1, 0));
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    status("in a child");
    show("a child gives up what it has not", no_notify());
    show("a child registers", notify(0, SIGUSR2, 0));
    close(q);
    _exit(0);
  }
  say("%s", reap(pid));
  status("a child has closed");
  close(dup(q));
  status("closed a copy");
  int other = (int)must(syscall(SYS_mq_open, "notify", O_RDONLY, 0, NULL));
  show("register", syscall(SYS_mq_notify, other, &(struct event){ .signo = SIGUSR1 }));
  status("by another descriptor");
  dup2(0, other);
  status("dup2 over it");
  pid = (pid_t)must(fork());
  if (pid == 0) {
    show("a child registers", notify(0, SIGUSR1, 0));
    _exit(0);
  }
  say("%s", reap(pid));
  status("it has ended");
  pid = (pid_t)must(fork());
  if (pid == 0) {
    must(notify(0, SIGUSR1, 0));
    execl("/proc/self/exe", "exec", "away", NULL);
    _exit(1);
  }
  say("%s", reap(pid));
  status("it executes another");
}

static void strangers(void) {
  uid_t uid = 4321;
  int *ready = shared_memory(4096);
  chmod("queues/notify", 0666);
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    block(SIGUSR1);
    must(notify(0, SIGUSR1, 99));
    *ready = 1;
    sigset_t set = set_of(SIGUSR1, 0);
    siginfo_t info;
    int sig = sigtimedwait_(&set, &info, NULL);
    say("signal %d, code %d, from %s, uid %d", sig, info.si_code, info.si_pid == getppid() ? "parent" : "another", info.si_uid);
    _exit(0);
  }
  while (!*ready) sleep_ms(1);
  wait_asleep(pid);
  pid_t user = (pid_t)must(fork());
  if (user == 0) {
    must(setresuid(uid, uid, uid));
    show("kill is not allowed", kill(pid, SIGUSR1));
    status("registered");
    _exit((int)send_("x"));
  }
  say("%s", reap(pid)); /* first, so that what it says stands before */
  say("%s", reap(user));
  receive();
}

static void limited(void) {
  struct { unsigned long cur, max; } none = { 0, 0 };
  block(SIGUSR1);
  block(RT(1));
  syscall(SYS_setrlimit, RLIMIT_SIGPENDING, &none);
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    setresuid(4321, 4321, 4321);
    show("register", notify(0, RT(1), 1));
    show("message", send_("x"));
    status("the signal is lost");
    taken("nothing", RT(1));
    receive();
    show("register", notify(0, SIGUSR1, 77));
    show("message", send_("x"));
    taken("a standard signal has room", SIGUSR1);
    _exit(0);
  }
  say("%s", reap(pid));
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 0;
  go_to_scratch();
  must(unshare(CLONE_NEWNS | CLONE_NEWIPC));
  must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  must(mkdir("queues", 0700));
  must(mount("none", "queues", "mqueue", 0, NULL));
  new_queue("notify");
  errors();
  once();
  receivers_first();
  given_up();
  strangers();
  limited();
  return 0;
}
