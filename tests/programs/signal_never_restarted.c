/* pause, nanosleep, poll, select, sigsuspend, sigtimedwait say EINTR after a handler even with SA_RESTART. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>

static void handler(int sig) { (void)sig; }
static pid_t target, child;
static void prod(void) {
  target = getpid();
  CHILD(child) {
    wait_asleep(target);
    kill(target, SIGUSR1);
    _exit(0);
  }
}
static void result(const char *what, long r) {
  show(what, r);
  wait_for(child);
}

int main(void) {
  struct gate p = new_gate();
  struct pollfd pfd = { p.fd[0], POLLIN, 0 };
  struct timespec day = { 86400, 0 };
  fd_set set;
  on_signal_flags(SIGUSR1, handler, SA_RESTART);
  prod(), result("pause", pause());
  prod(), result("nanosleep", nanosleep(&day, NULL));
  prod(), result("clock_nanosleep", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &day, NULL));
  prod(), result("poll", poll(&pfd, 1, 100000));
  prod(), result("poll for ever", poll(&pfd, 1, -1));
  FD_ZERO(&set);
  FD_SET(p.fd[0], &set);
  prod(), result("select", select(p.fd[0] + 1, &set, NULL, NULL, NULL));
  sigset_t none;
  sigemptyset(&none);
  prod(), result("sigsuspend", sigsuspend(&none));
  sigset_t other = set_of(SIGUSR2, 0);
  prod(), result("sigtimedwait", sigtimedwait_(&other, NULL, &day));
  int ep = (int)must(epoll_create1(0));
  struct epoll_event event;
  prod(), result("epoll_wait", epoll_wait(ep, &event, 1, -1));
  return 0;
}
