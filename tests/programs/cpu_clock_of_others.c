/* The CPU clock of another process or thread: its time; of nobody EINVAL; a process's threads are each other's to read. */
#include "check.h"

static clockid_t process_clock(pid_t pid) { return (clockid_t)(~(unsigned)pid << 3 | 2); }
static clockid_t thread_clock(pid_t tid) { return (clockid_t)(~(unsigned)tid << 3 | 6); }
static long read_(clockid_t c) {
  struct timespec t;
  if (syscall(SYS_clock_gettime, c, &t)) return -1;
  return t.tv_sec * 1000000000L + t.tv_nsec;
}
static struct gate go, ready;
static pid_t tid;
static void *thread(void *arg) {
  tid = gettid_();
  open_gate(&ready);
  pass_gate(&go);
  return arg;
}

int main(void) {
  go = new_gate();
  ready = new_gate();
  pid_t child;
  CHILD(child) {
    alarm(100); /* with a clock that runs, instructions take time inside too */
    while (read_(CLOCK_PROCESS_CPUTIME_ID) < 3000000)
      for (volatile int i = 0; i < 20000; i++) continue;
    for (;;) pause();
  }
  wait_asleep(child);
  long used = read_(process_clock(child));
  say("child: %d", used >= 3000000);
  sleep_ms(3);
  say("asleep it stands still: %d", read_(process_clock(child)) == used);
  show_ok("own, by number", read_(process_clock(getpid())));
  show_ok("own, by 0", read_(process_clock(0)));
  show_ok("nobody", read_(process_clock(30000)));
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pass_gate(&ready);
  show_ok("own thread", read_(thread_clock(tid)));
  show_ok("a child's thread", read_(thread_clock(child)));
  open_gate(&go);
  pthread_join(t, NULL);
  for (int i = 0; i < 1000 && tgkill_(getpid(), tid, 0) == 0; i++) sleep_ms(1);
  show_ok("ended", read_(thread_clock(tid)));
  struct timespec zero = { 0, 0 };
  show("set", syscall(SYS_clock_settime, process_clock(child), &zero));
  kill(child, SIGKILL);
  wait_state(child, "Z");
  show("zombie: at least as much", read_(process_clock(child)) >= used);
  wait_for(child);
  show_ok("reaped", read_(process_clock(child)));
  return 0;
}
