/* A process signal goes to a thread that does not block it; a thread signal to that thread; the mask is each thread's. */
#include "check.h"

static pid_t tid[3], handled_by[3];
static int nr_handled;
static struct gate ready;
static void handler(int sig) {
  (void)sig;
  handled_by[nr_handled++] = gettid_();
}
static void *thread(void *arg) {
  int i = *(int *)arg;
  tid[i] = gettid_();
  if (i == 2) unblock(SIGUSR1);
  open_gate(&ready);
  for (;;) pause();
  return NULL;
}

int main(void) {
  static int number[3] = { 0, 1, 2 };
  pthread_t t;
  ready = new_gate();
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, handler);
  block(SIGUSR1);
  tid[0] = gettid_();
  for (int i = 1; i < 3; i++) {
    pthread_create(&t, NULL, thread, &number[i]);
    pass_gate(&ready);
    wait_asleep(tid[i]);
  }
  kill(getpid(), SIGUSR1);
  while (nr_handled < 1) sleep_ms(1);
  say("unblocked only in thread 2, handled there: %d", handled_by[0] == tid[2]);
  tgkill_(getpid(), tid[1], SIGUSR2);
  while (nr_handled < 2) sleep_ms(1);
  say("sent to thread 1, handled there: %d", handled_by[1] == tid[1]);
  tgkill_(getpid(), tid[1], SIGUSR1);
  sleep_ms(5);
  say("blocked in thread 1, handled: %d, pending for us: %d", nr_handled, is_pending(SIGUSR1));
  kill(getpid(), SIGUSR2);
  say("unblocked here, handled before kill returns: %d", nr_handled == 3 && handled_by[2] == tid[0]);
  return 0;
}
