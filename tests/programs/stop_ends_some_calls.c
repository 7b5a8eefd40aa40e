/* epoll_wait() ends with EINTR after a stop and continue, although no handler ran; poll() and locks go on. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>

static int p[2], file;
static void epoll_call(void) {
  int ep = epoll_create1(0);
  struct epoll_event e = { .events = EPOLLIN };
  epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
  show("epoll_wait", epoll_wait(ep, &e, 1, -1));
  char c;
  show("  then read", read(p[0], &c, 1));
}
static void poll_call(void) {
  struct pollfd f = { .fd = p[0], .events = POLLIN };
  show("poll", poll(&f, 1, 100000));
}
static void poll_forever(void) {
  struct pollfd f = { .fd = p[0], .events = POLLIN };
  show("poll without a limit", poll(&f, 1, -1));
}
static void lock_call(void) {
  int own = (int)must(open("file", O_RDWR));
  show("flock", flock(own, LOCK_EX));
}
static void record_call(void) {
  struct flock l = { .l_type = F_WRLCK };
  show("fcntl", fcntl(file, F_SETLKW, &l));
}
static void fifo_call(void) { show("open of a FIFO", open("fifo", O_RDONLY) >= 0); }

int main(void) {
  static void (*const calls[])(void) = { epoll_call, poll_call, poll_forever, lock_call, record_call, fifo_call };
  go_to_scratch();
  file = (int)must(open("file", O_RDWR | O_CREAT, 0600));
  must(mkfifo("fifo", 0600));
  struct flock lock = { .l_type = F_WRLCK }, off = { .l_type = F_UNLCK };
  for (int i = 0; i < 6; i++) {
    must(pipe(p));
    must(flock(file, LOCK_EX));
    must(fcntl(file, F_SETLK, &lock));
    struct gate start = new_gate();
    pid_t child;
    CHILD(child) {
      open_gate(&start);
      calls[i]();
      _exit(0);
    }
    pass_gate(&start);
    wait_asleep(child);
    for (int n = 0; n < 2; n++) {
      kill(child, SIGSTOP);
      wait_state(child, "T");
      kill(child, SIGCONT);
      wait_asleep(child);
    }
    if (i < 3) must(write(p[1], "x", 1));
    if (i == 3) must(flock(file, LOCK_UN));
    if (i == 4) must(fcntl(file, F_SETLK, &off));
    if (i == 5) close((int)must(open("fifo", O_WRONLY)));
    wait_for(child);
    close(p[0]);
    close(p[1]);
  }
  return 0;
}
