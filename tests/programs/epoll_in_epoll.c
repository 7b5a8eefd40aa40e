/* An epoll file watches one that watches one that watches a file: who sleeps on the outermost is woken by every kind. */
// needs: pty
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int chain[3];

static void watch(int ep, int fd) {
  struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
  must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
}
static void *sleeper(void *at) {
  struct epoll_event e = { 0, { 0 } };
  long n = epoll_wait(*(int *)at, &e, 1, -1);
  return (void *)(n == 1 && e.events == EPOLLIN ? 1L : 0L);
}

/* Two sleep, one on each end of the chain; make() makes fd ready. */
static void try(const char *kind, int fd, void (*make)(int), int by) {
  pthread_t t[2];
  void *woken[2];
  for (int i = 0; i < 3; i++) chain[i] = (int)must(epoll_create1(0));
  watch(chain[0], fd);
  watch(chain[1], chain[0]);
  watch(chain[2], chain[1]);
  pthread_create(&t[0], NULL, sleeper, &chain[0]);
  pthread_create(&t[1], NULL, sleeper, &chain[2]);
  usleep(20000);
  make(by);
  for (int i = 0; i < 2; i++) pthread_join(t[i], &woken[i]);
  say("%s: inner %ld, outer %ld", kind, (long)woken[0], (long)woken[1]);
  for (int i = 0; i < 3; i++) close(chain[i]);
}

static void put(int fd) { must(write(fd, "x\n", 2)); }
static void count(int fd) { uint64_t one = 1; must(write(fd, &one, 8)); }
static void send_it(int sig) { must(kill(getpid(), sig)); }
static void arm(int fd) {
  struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } };
  must(timerfd_settime(fd, 0, &soon, NULL));
}

int main(void) {
  int p[2], s[2];
  sigset_t usr1;
  must(pipe(p));
  try("pipe", p[0], put, p[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  try("socket", s[0], put, s[1]);
  int event = (int)must(eventfd(0, 0));
  try("eventfd", event, count, event);
  int timer = (int)must(timerfd_create(CLOCK_MONOTONIC, 0));
  try("timerfd", timer, arm, timer);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  try("signalfd", (int)must(signalfd(-1, &usr1, 0)), send_it, SIGUSR1);
  int master = (int)must(posix_openpt(O_RDWR | O_NOCTTY));
  must(unlockpt(master));
  try("terminal", (int)must(open(ptsname(master), O_RDWR | O_NOCTTY)), put, master);
  return 0;
}
