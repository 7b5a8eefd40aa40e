/* SIGCONT wakes the thread whose number was named first, then the others: with equal priorities it runs the handler. */
// differs: since 3.16 the threads wake in the order of the thread list, whoever was named (prepare_signal)
// order: on several CPUs both threads run at once
#include "check.h"

static volatile pid_t *worker;
static void handler(int sig) {
  (void)sig;
  say("the handler runs in %s", gettid() == getpid() ? "the leader" : "the other thread");
}
static void *sleep_on(void *arg) {
  (void)arg;
  *worker = gettid();
  for (;;) pause();
  return NULL;
}
static void priority(int n) {
  struct sched_param p = { .sched_priority = n };
  must(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
}
static void stop_and_continue(pid_t child, const char *name, pid_t tid) {
  int status;
  must(kill(tid, SIGSTOP));
  must(waitpid(child, &status, WUNTRACED));
  say("%s, then SIGCONT to %s", wait_str(status), name);
  must(kill(tid, SIGCONT));
  must(waitpid(child, &status, WCONTINUED));
  say("%s", wait_str(status));
  wait_asleep(child);
  wait_asleep(*worker);
}

int main(void) {
  worker = shared_memory(4096);
  on_signal(SIGCONT, handler);
  priority(10);
  pid_t child;
  CHILD(child) {
    pthread_t t;
    pthread_create(&t, NULL, sleep_on, NULL);
    for (;;) pause();
  }
  priority(20);
  while (!*worker) sleep_ms(1);
  wait_asleep(child);
  wait_asleep(*worker);
  stop_and_continue(child, "the leader", child);
  stop_and_continue(child, "the other thread", *worker);
  kill(child, SIGKILL);
  say("%s", reap(child));
  return 0;
}
