/* times(): own and waited-for children's ticks; the result goes on with the clock. */
#include "check.h"
#include <sys/times.h>

static void burn(int ticks) {
  struct tms t;
  alarm(100); /* with a clock that runs, instructions take time inside too */
  do
    for (volatile int i = 0; i < 20000; i++) continue;
  while (times(&t) != (clock_t)-1 && t.tms_utime + t.tms_stime < ticks);
}

int main(void) {
  struct tms t;
  show("ticks a second", sysconf(_SC_CLK_TCK));
  must(times(&t));
  say("children at first: %ld %ld", (long)t.tms_cutime, (long)t.tms_cstime);
  pid_t child;
  CHILD(child) {
    burn(4);
    _exit(0);
  }
  wait_state(child, "Z");
  times(&t);
  say("not waited for: %ld", (long)(t.tms_cutime + t.tms_cstime));
  wait_for(child);
  times(&t);
  say("waited for: %d", t.tms_cutime + t.tms_cstime >= 4);
  clock_t a = times(NULL);
  sleep_ms(30);
  say("goes on: %d", times(NULL) - a >= 2);
  show("bad pointer", syscall(SYS_times, 8));
  return 0;
}
