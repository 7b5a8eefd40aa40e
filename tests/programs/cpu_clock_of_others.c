/* The CPU clock of another process or thread: its time; of nobody EINVAL; a process's threads are each other's to read. */
#include "check.h"

static clockid_t process_clock(pid_t pid) { return (clockid_t)(~(unsigned)pid << 3 | 2); }
static clockid_t thread_clock(pid_t tid) { return (clockid_t)(~(unsigned)tid << 3 | 6); }
static long read_(clockid_t c) {
  struct timespec t;
  if (syscall(SYS_clock_gettime, c, &t)) return -1;
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(void) {
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
  struct idle_thread idle;
  begin_idle(&idle);
  show_ok("own thread", read_(thread_clock(idle.tid)));
  show_ok("a child's thread", read_(thread_clock(child)));
  end_idle(&idle);
  for (int i = 0; i < 1000 && tgkill_(getpid(), idle.tid, 0) == 0; i++) sleep_ms(1);
  show_ok("ended", read_(thread_clock(idle.tid)));
  struct timespec zero = { 0, 0 };
  show("set", syscall(SYS_clock_settime, process_clock(child), &zero));
  kill(child, SIGKILL);
  wait_state(child, "Z");
  show("zombie: at least as much", read_(process_clock(child)) >= used);
  wait_for(child);
  show_ok("reaped", read_(process_clock(child)));
  return 0;
}
