/* prctl(2): options about timing, the time-stamp counter, machine checks and performance counters. */
#include "check.h"

static long option(int nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return syscall(SYS_prctl, nr, a, b, c, d);
}

int main(void) {
  int mode = -1;
  show("timing", option(13, 0, 0, 0, 0));
  show("set timing, statistical", option(14, 0, 0, 0, 0));
  show("set timing, exact", option(14, 1, 0, 0, 0));
  show("time-stamp counter", option(25, (unsigned long)&mode, 0, 0, 0));
  say("mode %d", mode);
  show("time-stamp counter, bad pointer", option(25, 8, 0, 0, 0));
  show("set time-stamp counter, enabled", option(26, 1, 0, 0, 0));
  show("set time-stamp counter, unknown", option(26, 3, 0, 0, 0));
  show("performance counters off", option(31, 0, 0, 0, 0));
  show("performance counters on", option(32, 0, 0, 0, 0));
  static const unsigned long policies[][4] = {
    { 1, 0, 0, 0 }, { 1, 1, 0, 0 }, { 1, 2, 0, 0 }, { 1, 3, 0, 0 }, { 0, 0, 0, 0 }, { 0, 1, 0, 0 }, { 2, 0, 0, 0 },
    { 1, 1, 1, 0 }, { 1, 1, 0, 1 },
  };
  for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
    const unsigned long *p = policies[i];
    say("machine checks: %lu %lu %lu %lu", p[0], p[1], p[2], p[3]);
    show("  set", option(33, p[0], p[1], p[2], p[3]));
    show("  now", option(34, 0, 0, 0, 0));
  }
  must(option(33, 1, 1, 0, 0));
  pid_t child;
  CHILD(child) {
    show("in a child", option(34, 0, 0, 0, 0));
    _exit(0);
  }
  reap(child);
  show("get, with an argument", option(34, 1, 0, 0, 0));
  show("get, with a last argument", option(34, 0, 0, 0, 1));
  return 0;
}
