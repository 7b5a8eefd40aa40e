/* getitimer() of the CPU interval timers: a tick more than was asked for, never 0 while one runs, an interval even if it does not.
 * They are the process's: threads share them, a forked child has none.
 */
// differs: since 4.11 they count in ns; 3.2 counts in jiffies of 4,000,250 ns, rounding up (set_cpu_itimer)
#include "check.h"

static volatile int fired;
static void handler(int sig) {
  (void)sig;
  fired++;
}
static struct itimerval now(int which) {
  struct itimerval t;
  must(getitimer(which, &t));
  return t;
}
static struct itimerval set(int which, long sec, long usec, long interval_sec, long interval_usec) {
  struct itimerval t = { { interval_sec, interval_usec }, { sec, usec } }, old;
  must(setitimer(which, &t, &old));
  return old;
}
static void show_timer(const char *what, struct itimerval t) {
  const char *runs = t.it_value.tv_sec || t.it_value.tv_usec ? "runs" : "does not run";
  say("%s: %s, %ld s left, interval %ld.%06ld", what, runs, (long)t.it_value.tv_sec, (long)t.it_interval.tv_sec, (long)t.it_interval.tv_usec);
}
static int which;
static void *thread(void *unused) {
  (void)unused;
  show_timer("in a thread", now(which));
  set(which, 50, 0, 0, 0);
  return NULL;
}

int main(void) {
  for (which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
    say("timer %d", which);
    show_timer("at first", now(which));
    set(which, 100, 0, 7, 0);
    show_timer("set", now(which));
    show_timer("was", set(which, 0, 0, 5, 3));
    show_timer("an interval alone", now(which));
    on_signal(which == ITIMER_VIRTUAL ? SIGVTALRM : SIGPROF, handler);
    fired = 0;
    set(which, 0, 1, 0, 1);
    show_timer("the shortest", now(which));
    while (fired < 2) continue;
    say("its interval: %ld", (long)set(which, 0, 1, 0, 0).it_interval.tv_usec);
    fired = 0;
    while (!fired) continue;
    show_timer("after the only one", now(which));
    set(which, 200, 0, 9, 0);
    pid_t child;
    CHILD(child) {
      show_timer("in a child", now(which));
      _exit(0);
    }
    reap(child);
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    show_timer("set by the thread", now(which));
  }
  return 0;
}
