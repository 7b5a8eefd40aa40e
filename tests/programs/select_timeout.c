/* select(): sets in and out, the time that is left, bad descriptors. */
#include "check.h"

/* The call itself: musl's function does not hand the remaining time back. */
static long select_(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *t) { return syscall(SYS_select, n, r, w, x, t); }

int main(void) {
  struct gate g = new_gate();
  fd_set r, w;
  struct timeval t = { 0, 3000 };
  FD_ZERO(&r);
  FD_SET(g.fd[0], &r);
  show("nothing comes", select_(g.fd[0] + 1, &r, NULL, NULL, &t));
  say("set cleared: %d, no time left: %d", !FD_ISSET(g.fd[0], &r), t.tv_sec == 0 && t.tv_usec == 0);
  open_gate(&g);
  FD_ZERO(&w);
  FD_SET(g.fd[0], &r);
  FD_SET(g.fd[1], &w);
  t = (struct timeval){ 1000, 0 };
  show("both", select_(g.fd[1] + 1, &r, &w, NULL, &t));
  say("time left: %d", t.tv_sec >= 990);
  FD_ZERO(&r);
  FD_SET(9, &r);
  t = (struct timeval){ 0, 0 };
  show("not open", select_(10, &r, NULL, NULL, &t));
  FD_ZERO(&r);
  FD_SET(500, &r);
  show("not open and beyond the table", select_(501, &r, NULL, NULL, &t));
  show("negative count", select_(-1, NULL, NULL, NULL, &t));
  t.tv_usec = -1;
  show("negative time", select_(0, NULL, NULL, NULL, &t));
  t = (struct timeval){ 0, 1000 };
  show("as a sleep", select_(0, NULL, NULL, NULL, &t));
  sigset_t mask = set_of(SIGUSR1, 0);
  struct timespec ts = { 0, 1000000 };
  show("pselect", pselect(0, NULL, NULL, NULL, &ts, &mask));
  return 0;
}
