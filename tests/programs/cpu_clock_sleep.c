/* Sleeping on the clock of a process's CPU time: others have to work; a signal ends it, or it goes on. */
#include "check.h"

static volatile sig_atomic_t caught;
static void handler(int sig) { caught = sig; }

/* A child that works until it is killed. */
static pid_t worker(void) {
  pid_t child;
  CHILD(child) for (;;) continue;
  return child;
}

int main(void) {
  struct timespec now, left = { -1, -1 }, little = { 0, 5000000 }, much = { 1000, 0 };
  pid_t child = worker();
  clockid_t theirs;
  must(clock_getcpuclockid(child, &theirs) ? -1 : 0);
  show_ok("a little of another's time", syscall(SYS_clock_nanosleep, theirs, 0, &little, &left));
  must(clock_gettime(theirs, &now));
  now.tv_nsec += 5000000;
  if (now.tv_nsec >= 1000000000) now.tv_sec++, now.tv_nsec -= 1000000000;
  show_ok("until a time", syscall(SYS_clock_nanosleep, theirs, TIMER_ABSTIME, &now, NULL));
  show_ok("until a time that is over", syscall(SYS_clock_nanosleep, theirs, TIMER_ABSTIME, &now, NULL));

  on_signal(SIGALRM, handler);
  struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
  must(setitimer(ITIMER_REAL, &soon, NULL));
  show("interrupted", syscall(SYS_clock_nanosleep, theirs, 0, &much, &left));
  say("caught %d, left: %s", caught == SIGALRM, left.tv_sec >= 990 && left.tv_sec < 1000 ? "most" : "something else");
  must(clock_gettime(theirs, &now));
  now.tv_sec += 1000;
  left = (struct timespec){ -1, -1 };
  must(setitimer(ITIMER_REAL, &soon, NULL));
  show("interrupted, until a time", syscall(SYS_clock_nanosleep, theirs, TIMER_ABSTIME, &now, &left));
  say("nothing is stored: %s", left.tv_sec == -1 ? "yes" : "no");

  /* A stop and a continuation begin the sleep again, where it was. */
  pid_t sleeper;
  CHILD(sleeper) {
    struct timespec some = { 0, 60000000 };
    show_ok("it slept on", syscall(SYS_clock_nanosleep, theirs, 0, &some, NULL));
    _exit(0);
  }
  wait_asleep(sleeper);
  must(kill(sleeper, SIGSTOP));
  wait_state(sleeper, "T");
  must(kill(sleeper, SIGCONT));
  say("%s", reap(sleeper));
  must(kill(child, SIGKILL));
  say("%s", reap(child));
  show("a thread's own clock", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &little, NULL));
  show("of nobody", syscall(SYS_clock_nanosleep, theirs, 0, &little, NULL));
  return 0;
}
