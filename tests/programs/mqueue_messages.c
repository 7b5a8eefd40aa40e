/* Messages through a POSIX queue: their order, the errors' order, who sleeps and who is woken first. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>

struct attr { long flags, maxmsg, msgsize, curmsgs, reserved[4]; };
struct sigevent_ { void *value; int signo, notify, pad[12]; };

static long mq_open_(const char *name, int oflag, mode_t mode, struct attr *attr) { return syscall(SYS_mq_open, name, oflag, mode, attr); }
static long send_(int q, const char *text, unsigned prio) { return syscall(SYS_mq_timedsend, q, text, strlen(text), prio, NULL); }
static int new_queue(const char *name, long maxmsg, long msgsize) {
  struct attr attr = { .maxmsg = maxmsg, .msgsize = msgsize };
  return (int)must(mq_open_(name, O_CREAT | O_RDWR | O_EXCL, 0600, &attr));
}
static void receive(const char *name, int q) {
  char text[100];
  unsigned prio = 77;
  long n = syscall(SYS_mq_timedreceive, q, text, sizeof text, &prio, NULL);
  if (n < 0) show(name, n);
  else say("%s: \"%.*s\" of priority %u", name, (int)n, text, prio);
}
static void attributes(const char *name, int q) {
  struct attr attr;
  memset(&attr, 0x55, sizeof attr);
  long r = syscall(SYS_mq_getsetattr, q, NULL, &attr);
  say("%s: %ld: flags %lo, %ld of %ld messages of %ld bytes, then %lx", name, r, attr.flags, attr.curmsgs, attr.maxmsg, attr.msgsize, attr.reserved[0] | attr.reserved[3]);
}

static void order(void) {
  int q = new_queue("order", 8, 16);
  send_(q, "low 1", 1);
  send_(q, "high 1", 30);
  send_(q, "low 2", 1);
  send_(q, "", 32767);
  send_(q, "high 2", 30);
  attributes("five", q);
  for (int i = 0; i < 5; i++) receive("order", q);
  attributes("none", q);
}

static void errors(void) {
  struct timespec bad_nsec = { 0, 1000000000 }, negative = { -1, 0 }, past = { 1, 0 }, zero = { 0, 0 };
  char text[64];
  int q = new_queue("errors", 1, 16), p[2];
  must(pipe(p));
  int reader = (int)must(mq_open_("errors", O_RDONLY, 0, NULL)), writer = (int)must(mq_open_("errors", O_WRONLY | O_NONBLOCK, 0, NULL));
  show("send: time at a bad address", syscall(SYS_mq_timedsend, 99, 8, 100, 40000, 8));
  show("send: no time", syscall(SYS_mq_timedsend, 99, 8, 100, 40000, &bad_nsec));
  show("send: negative time", syscall(SYS_mq_timedsend, 99, 8, 100, 40000, &negative));
  show("send: priority", syscall(SYS_mq_timedsend, 99, 8, 100, 32768, NULL));
  show("send: no descriptor", syscall(SYS_mq_timedsend, 99, 8, 100, 0, NULL));
  show("send: a pipe", syscall(SYS_mq_timedsend, p[1], 8, 100, 0, NULL));
  show("send: for reading", syscall(SYS_mq_timedsend, reader, 8, 100, 0, NULL));
  show("send: too long", syscall(SYS_mq_timedsend, q, 8, 17, 0, NULL));
  show("send: length -1", syscall(SYS_mq_timedsend, q, 8, -1L, 0, NULL));
  show("send: bad address", syscall(SYS_mq_timedsend, q, 8, 16, 0, NULL));
  show("send: nothing from a bad address", syscall(SYS_mq_timedsend, q, 8, 0, 0, &zero));
  show("send: full, not blocking", syscall(SYS_mq_timedsend, writer, "x", 1, 0, NULL));
  show("send: full and a bad address", syscall(SYS_mq_timedsend, writer, 8, 1, 0, NULL));
  show("send: full, time past", syscall(SYS_mq_timedsend, q, "x", 1, 0, &past));
  show("send: full, time zero", syscall(SYS_mq_timedsend, q, "x", 1, 0, &zero));
  show("send: full and no time", syscall(SYS_mq_timedsend, writer, "x", 1, 0, &bad_nsec));
  show("receive: time at a bad address", syscall(SYS_mq_timedreceive, 99, text, 16, NULL, 8));
  show("receive: no time", syscall(SYS_mq_timedreceive, q, text, 16, NULL, &bad_nsec));
  show("receive: no descriptor", syscall(SYS_mq_timedreceive, 99, text, 16, NULL, NULL));
  show("receive: a pipe", syscall(SYS_mq_timedreceive, p[0], text, 16, NULL, NULL));
  show("receive: for writing", syscall(SYS_mq_timedreceive, writer, text, 1, NULL, NULL));
  show("receive: short", syscall(SYS_mq_timedreceive, reader, text, 15, NULL, NULL));
  show("receive: nothing to a bad address", syscall(SYS_mq_timedreceive, reader, 8, 16, NULL, NULL));
  show("receive: empty, time past", syscall(SYS_mq_timedreceive, reader, text, 16, NULL, &past));
  send_(q, "lost", 3);
  show("receive: bad address", syscall(SYS_mq_timedreceive, reader, 8, 16, NULL, NULL));
  attributes("lost", q);
  send_(q, "lost", 3);
  show("receive: priority at a bad address", syscall(SYS_mq_timedreceive, reader, text, 16, 8, NULL));
  attributes("lost", q);
  struct attr attr = { .flags = O_NONBLOCK };
  show("attributes: not blocking", syscall(SYS_mq_getsetattr, q, &attr, NULL));
  attributes("here", q);
  attributes("there", reader);
  show("receive: empty, not blocking", syscall(SYS_mq_timedreceive, q, text, 16, NULL, &past));
  attr.flags = O_NONBLOCK | 1;
  show("attributes: other flags", syscall(SYS_mq_getsetattr, 99, &attr, NULL));
  attr.flags = 0;
  show("attributes: no descriptor", syscall(SYS_mq_getsetattr, 99, &attr, NULL));
  show("attributes: a pipe", syscall(SYS_mq_getsetattr, p[0], NULL, NULL));
  show("attributes: from a bad address", syscall(SYS_mq_getsetattr, 99, 8, NULL));
  show("attributes: to a bad address", syscall(SYS_mq_getsetattr, q, &attr, 8));
  attributes("changed all the same", q);
  show("attributes: neither", syscall(SYS_mq_getsetattr, q, NULL, NULL));
}

static pid_t sender(int q, const char *text, unsigned prio, int nice_) {
  pid_t pid = (pid_t)must(fork());
  if (pid) { wait_asleep(pid); return pid; }
  if (nice_) setpriority(PRIO_PROCESS, 0, nice_);
  long r = send_(q, text, prio);
  _exit(r ? errno : 0);
}
static void sleepers(void) {
  int q = new_queue("sleepers", 1, 16);
  send_(q, "there", 5);
  sender(q, "first, low", 1, 0);
  sender(q, "second, high", 9, 0);
  sender(q, "favoured", 3, -5);
  sender(q, "last, unfavoured", 20, 7);
  for (int i = 0; i < 5; i++) receive("senders", q);
  for (int i = 0; i < 4; i++) say("%s", wait_str(wait_for(-1)));
  int *got = shared_memory(4096);
  pid_t pids[3];
  int nices[3] = { 3, 0, 0 };
  for (int i = 0; i < 3; i++) {
    if ((pids[i] = (pid_t)must(fork())) == 0) {
      setpriority(PRIO_PROCESS, 0, nices[i]);
      char text[16];
      long n = syscall(SYS_mq_timedreceive, q, text, 16, NULL, NULL);
      _exit(n == 1 ? text[0] : 1);
    }
    wait_asleep(pids[i]);
  }
  for (int i = 0; i < 3; i++) send_(q, (const char *[]) { "a", "b", "c" }[i], (unsigned)i);
  for (int i = 0; i < 3; i++) say("receiver %d: %c", i, WEXITSTATUS(wait_for(pids[i])));
  (void)got;
  attributes("handed over", q);
}

static pid_t fork_sender(int q, const char *text) {
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) _exit(send_(q, text, 0) != 0);
  return pid;
}
static void on_alarm(int sig) { (void)sig; }
static void interrupted(void) {
  int q = new_queue("interrupted", 1, 16);
  for (int restart = 0; restart < 2; restart++) {
    pid_t pid = (pid_t)must(fork());
    if (pid == 0) {
      on_signal_flags(SIGUSR1, on_alarm, restart ? SA_RESTART : 0);
      char text[16];
      long n = syscall(SYS_mq_timedreceive, q, text, 16, NULL, NULL);
      _exit(n < 0 ? 100 + errno : (int)n);
    }
    wait_asleep(pid);
    kill(pid, SIGUSR1);
    if (restart) {
      wait_asleep(pid);
      kill(pid, SIGSTOP);
      wait_state(pid, "T");
      kill(pid, SIGCONT);
      wait_asleep(pid);
      send_(q, "four", 0);
    }
    say("a handler%s: %s", restart ? " that restarts, then a stop" : "", reap(pid));
  }
  struct timespec until;
  char text[16];
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) { until.tv_sec++; until.tv_nsec -= 1000000000; }
  show("time is over", syscall(SYS_mq_timedreceive, q, text, 16, NULL, &until));
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  say("not early: %d", now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
  pid_t pid = fork_sender(q, "goes");
  say("room at once: %s", reap(pid));
  pid = (pid_t)must(fork());
  if (pid == 0) { send_(q, "killed", 0); _exit(0); }
  wait_asleep(pid);
  kill(pid, SIGKILL);
  say("%s", reap(pid));
  receive("what went", q);
  struct attr attr = { .flags = O_NONBLOCK };
  must(syscall(SYS_mq_getsetattr, q, &attr, NULL));
  receive("nothing of the killed one", q);
}

static short polled(int fd) {
  struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLPRI, 0 };
  must(poll(&p, 1, 0));
  return p.revents;
}
static pid_t poller(int fd, short events) {
  pid_t pid = (pid_t)must(fork());
  if (pid) { wait_asleep(pid); return pid; }
  struct pollfd p = { fd, events, 0 };
  poll(&p, 1, -1);
  _exit(p.revents);
}
static void polls(void) {
  int q = new_queue("polls", 2, 16);
  say("empty %x", polled(q));
  pid_t pid = poller(q, POLLIN);
  send_(q, "1", 0);
  say("poller of a message: %s", reap(pid));
  say("one %x", polled(q));
  send_(q, "2", 0);
  say("full %x", polled(q));
  pid = poller(q, POLLOUT);
  receive("take", q);
  say("poller of room: %s", reap(pid));
  int e = (int)must(epoll_create1(0));
  struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
  show("epoll", epoll_ctl(e, EPOLL_CTL_ADD, q, &ev));
  show("edge", epoll_wait(e, &ev, 1, 0));
  show("edge again", epoll_wait(e, &ev, 1, 0));
  send_(q, "3", 0);
  show("edge after a send", epoll_wait(e, &ev, 1, 0));
}

int main(void) {
  must(unshare(CLONE_NEWIPC));
  order();
  errors();
  sleepers();
  interrupted();
  polls();
  return 0;
}
