/* nanosleep(): sleeps at least as long as asked; interrupted, it says what is left; bad times. */
#include "check.h"

static void handler(int sig) { (void)sig; }
static long now_ms(void) {
  struct timespec t;
  must(clock_gettime(CLOCK_MONOTONIC, &t));
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(void) {
  struct timespec t = { 0, 20000000 }, left = { -1, -1 };
  long start = now_ms();
  show("20 ms", nanosleep(&t, &left));
  say("long enough: %d, remainder untouched: %d", now_ms() - start >= 20, left.tv_sec == -1);
  on_signal(SIGALRM, handler);
  struct itimerval timer = { { 0, 0 }, { 0, 10000 } };
  must(setitimer(ITIMER_REAL, &timer, NULL));
  t = (struct timespec){ 1000, 0 };
  show("interrupted", nanosleep(&t, &left));
  say("left: %d", left.tv_sec == 999);
  t.tv_nsec = 1000000000;
  show("bad ns", nanosleep(&t, NULL));
  t = (struct timespec){ -1, 0 };
  show("negative", nanosleep(&t, NULL));
  must(clock_gettime(CLOCK_MONOTONIC, &t));
  t.tv_nsec += 5000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  show("absolute", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
  show("absolute, past", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
  show("bad clock", syscall(SYS_clock_nanosleep, 77, 0, &t, NULL));
  /* Stopped and continued, it goes on sleeping until its time. */
  pid_t child;
  CHILD(child) {
    t = (struct timespec){ 0, 60000000 };
    start = now_ms();
    int r = nanosleep(&t, NULL);
    say("stopped meanwhile: %d, long enough: %d", r, now_ms() - start >= 60);
    _exit(0);
  }
  wait_asleep(child);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  kill(child, SIGCONT);
  wait_for(child);
  show("restart_syscall without a cause", syscall(SYS_restart_syscall));
  return 0;
}
