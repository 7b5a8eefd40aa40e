/* signalfd(2), eventfd(2) and epoll_create(2) as they were before they had flags, and their mistakes. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/signalfd.h>

static uint64_t usr1 = 1 << (SIGUSR1 - 1), usr2 = 1 << (SIGUSR2 - 1), chld = 1 << (SIGCHLD - 1);

static void take(int fd) {
  struct signalfd_siginfo info;
  memset(&info, 0, sizeof info);
  long n = syscall(SYS_read, fd, &info, sizeof info);
  if (n == -1) say("  %s", errname(errno));
  else say("  %ld bytes, signal %u, code %d, status %d, from a child %s", n, info.ssi_signo, info.ssi_code,
           info.ssi_status, (pid_t)info.ssi_pid != getpid() ? "yes" : "no");
}

int main(void) {
  block(SIGUSR1);
  block(SIGUSR2);
  block(SIGCHLD);
  block(SIGSEGV);
  int fd = (int)must(syscall(SYS_signalfd, -1, &usr1, 8UL));
  must(fcntl(fd, F_SETFL, O_NONBLOCK));
  must(raise(SIGUSR2));
  take(fd);
  say("the same descriptor: %s", syscall(SYS_signalfd, fd, &usr2, 8UL) == fd ? "yes" : "no");
  take(fd);
  must(syscall(SYS_signalfd, fd, &chld, 8UL));
  pid_t child;
  CHILD(child) _exit(7);
  say("%s", reap(child));
  take(fd);
  CHILD(child) raise(SIGKILL);
  say("%s", reap(child));
  take(fd);
  show("not a signalfd", syscall(SYS_signalfd, 0, &usr1, 8UL));
  show("no descriptor", syscall(SYS_signalfd, 77, &usr1, 8UL));
  show("size", syscall(SYS_signalfd, -1, &usr1, 4UL));
  show("unknown flags", syscall(SYS_signalfd4, -1, &usr1, 8UL, 1));
  char bytes[256];
  show("too few bytes", syscall(SYS_read, fd, bytes, 100UL));
  must(syscall(SYS_signalfd, fd, &usr1, 8UL));
  must(raise(SIGUSR1));
  show("a bad pointer", syscall(SYS_read, fd, 8UL, 128UL));
  take(fd);

  uint64_t value = 1, got = 0;
  int ev = (int)must(syscall(SYS_eventfd, 3));
  show("read", syscall(SYS_read, ev, &got, 8UL));
  say("%d", (int)got);
  show("four bytes written", syscall(SYS_write, ev, &value, 4UL));
  show("four bytes read", syscall(SYS_read, ev, &got, 4UL));
  value = ~0UL;
  show("more than there may be", syscall(SYS_write, ev, &value, 8UL));
  value = ~0UL - 1;
  show("as much as there may be", syscall(SYS_write, ev, &value, 8UL));
  CHILD(child) {
    value = 5;
    _exit((int)syscall(SYS_write, ev, &value, 8UL));
  }
  wait_asleep(child);
  show("read", syscall(SYS_read, ev, &got, 8UL));
  say("%s", reap(child));
  show("read", syscall(SYS_read, ev, &got, 8UL));
  say("%d", (int)got);
  must(fcntl(ev, F_SETFL, O_NONBLOCK));
  show("nothing there", syscall(SYS_read, ev, &got, 8UL));
  show("eventfd2, unknown flags", syscall(SYS_eventfd2, 0, 2));

  show("epoll_create 0", syscall(SYS_epoll_create, 0));
  show("epoll_create -1", syscall(SYS_epoll_create, -1));
  int ep = (int)must(syscall(SYS_epoll_create, 1));
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = 9 }, ready[2];
  show("add", epoll_ctl(ep, EPOLL_CTL_ADD, ev, &event));
  show("add again", epoll_ctl(ep, EPOLL_CTL_ADD, ev, &event));
  show("itself", epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event));
  show("an unknown operation", epoll_ctl(ep, 9, ev, &event));
  show("epoll_wait, no room", syscall(SYS_epoll_wait, ep, ready, 0, 0));
  show("epoll_wait, a bad pointer", syscall(SYS_epoll_wait, ep, 8UL, 1, 0));
  value = 1;
  must(write(ev, &value, 8));
  show("epoll_wait", syscall(SYS_epoll_wait, ep, ready, 2, 0));
  show("taken out", epoll_ctl(ep, EPOLL_CTL_DEL, ev, &event));
  show("epoll_wait", syscall(SYS_epoll_wait, ep, ready, 2, 0));
  show("take out again", epoll_ctl(ep, EPOLL_CTL_DEL, ev, &event));
  show("change what is not there", epoll_ctl(ep, EPOLL_CTL_MOD, ev, &event));
  return 0;
}
