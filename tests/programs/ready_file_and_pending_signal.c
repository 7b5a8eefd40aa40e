/* A call that waits with another mask: what is ready comes before a signal that the mask would let in; else EINTR. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>

static int handled;
static void handler(int sig) {
  (void)sig;
  handled++;
}
static void outcome(const char *name, int r) {
  int e = errno;
  say("%s: %d %s, handled %d, still pending %d", name, r, r == -1 ? errname(e) : "", handled, is_pending(SIGUSR1));
  handled = 0;
}

int main(void) {
  int p[2];
  must(pipe(p));
  on_signal(SIGUSR1, handler);
  block(SIGUSR1);
  sigset_t none;
  sigemptyset(&none);
  int ep = (int)must(epoll_create1(0));
  struct epoll_event event = { .events = EPOLLIN };
  must(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &event));
  for (int ready = 0; ready < 2; ready++) {
    struct pollfd f = { .fd = p[0], .events = POLLIN };
    fd_set set;
    struct timespec zero = { 0, 0 };
    if (ready) must(write(p[1], "x", 1));
    say(ready ? "ready" : "not ready");
    kill(getpid(), SIGUSR1);
    outcome("ppoll", ppoll(&f, 1, NULL, &none));
    kill(getpid(), SIGUSR1);
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    outcome("pselect", pselect(p[0] + 1, &set, NULL, NULL, NULL, &none));
    kill(getpid(), SIGUSR1);
    outcome("epoll_pwait", epoll_pwait(ep, &event, 1, -1, &none));
    kill(getpid(), SIGUSR1);
    outcome("ppoll without waiting", ppoll(&f, 1, &zero, &none));
    sigset_t set_ = set_of(SIGUSR1, 0);
    struct timespec t = { 0, 0 };
    sigtimedwait_(&set_, NULL, &t);
  }
  return 0;
}
