/* A stop and continue without a handler is not seen by the program: calls go on where they were. */
#include "check.h"

static struct gate start;
static int fds[2];
static void wait_call(void) {
  pid_t c;
  CHILD(c) {
    sleep_ms(30);
    _exit(9);
  }
  int s;
  show("wait", waitpid(c, &s, 0) == c);
}
static void sleep_call(void) {
  struct timespec t = { 0, 30000000 };
  show("nanosleep", nanosleep(&t, &t));
}
static void clock_sleep_call(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_nsec += 30000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  show("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
}
static void poll_call(void) {
  struct timeval t = { 0, 30000 };
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fds[0], &set);
  show("select", select(fds[0] + 1, &set, NULL, NULL, &t));
}
static void read_call(void) {
  char c;
  show("read", read(fds[0], &c, 1));
}
static void futex_call(void) {
  int word = 0;
  struct timespec t = { 0, 30000000 };
  show("futex", futex(&word, F_WAIT | F_PRIVATE, 0, &t));
}
static void sigtimedwait_call(void) {
  block(SIGUSR1);
  sigset_t set = set_of(SIGUSR1, 0);
  struct timespec t = { 0, 30000000 };
  show("sigtimedwait, which does not", sigtimedwait_(&set, NULL, &t));
  read_call();
}
static void suspend_call(void) {
  sigset_t none;
  sigemptyset(&none);
  pid_t me = getpid(), c;
  on_signal(SIGALRM, exit);
  CHILD(c) {
    sleep_ms(40);
    kill(me, SIGALRM);
    _exit(0);
  }
  show("sigsuspend", sigsuspend(&none));
}

int main(void) {
  static void (*const calls[])(void) = { wait_call, sleep_call, clock_sleep_call, poll_call, read_call, futex_call, sigtimedwait_call, suspend_call };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    pid_t child;
    must(pipe(fds));
    start = new_gate();
    CHILD(child) {
      open_gate(&start);
      calls[i]();
      _exit(0);
    }
    pass_gate(&start);
    wait_asleep(child);
    for (int n = 0; n < 3; n++) {
      kill(child, SIGSTOP);
      wait_state(child, "T");
      kill(child, SIGCONT);
      wait_asleep(child);
    }
    must(write(fds[1], "x", 1));
    reap(child);
    close(fds[0]);
    close(fds[1]);
  }
  return 0;
}
