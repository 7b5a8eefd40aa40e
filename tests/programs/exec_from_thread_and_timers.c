/* exec from a thread: alarm and interval timers go on, POSIX timers and their signals are gone, so are robust locks. */
#include "check.h"

static char **args;
static struct { struct { void *next; } list; long offset; void *pending; } head;
static void *executor(void *word) {
  struct { void *next; } *entry = (void *)((char *)word + 8);
  entry->next = &head;
  head.list.next = entry;
  head.offset = -8;
  head.pending = NULL;
  *(int *)word = gettid_();
  syscall(SYS_set_robust_list, &head, sizeof head);
  execl("/proc/self/exe", args[0], "x", NULL);
  return NULL;
}

int main(int argc, char **argv) {
  args = argv;
  if (argc > 1) {
    struct itimerval v;
    getitimer(ITIMER_VIRTUAL, &v);
    say("alarm goes on: %d, virtual timer goes on: %d", alarm(0) > 90, v.it_value.tv_sec > 90);
    say("queued timer signal pending: %d, other one pending: %d", is_pending(RT(0)), is_pending(RT(1)));
    show("POSIX timer 0", syscall(SYS_timer_gettime, 0, &v));
    return 5;
  }
  int *word = shared_memory(4096);
  pid_t child;
  CHILD(child) {
    struct sigevent e;
    memset(&e, 0, sizeof e);
    e.sigev_notify = SIGEV_SIGNAL;
    e.sigev_signo = RT(0);
    block(RT(0));
    block(RT(1));
    int t;
    must(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &t));
    struct itimerspec soon = { { 0, 0 }, { 0, 1000 } };
    must(syscall(SYS_timer_settime, t, 0, &soon, NULL));
    while (!is_pending(RT(0))) sleep_ms(1);
    kill(getpid(), RT(1));
    alarm(100);
    struct itimerval v = { { 0, 0 }, { 100, 0 } };
    setitimer(ITIMER_VIRTUAL, &v, NULL);
    pthread_t p;
    pthread_create(&p, NULL, executor, word);
    for (;;) pause();
  }
  say("%s", reap(child));
  say("the lock's owner died: %d", ((unsigned)*word & 0x40000000u) != 0);
  return 0;
}
