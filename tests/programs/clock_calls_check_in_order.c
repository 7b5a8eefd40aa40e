/* Which of several mistakes a clock call reports: an unknown clock, one that cannot do this, a bad pointer, a bad time. */
#include "check.h"

static const struct timespec odd = { 0, 1000000000 }, good = { 0, 0 };

int main(void) {
  /* -2, -6: the CPU clocks of the caller's thread and process; -5: that of a device open as 0, which it is not. */
  static const int clocks[] = { 0, 1, 2, 3, 4, 77, -2, -5, -6 };
  for (int i = 0; i < 9; i++) {
    int c = clocks[i];
    say("clock %d", c);
    show("  clock_settime, bad pointer", syscall(SYS_clock_settime, c, 8));
    show("  clock_settime, bad time", syscall(SYS_clock_settime, c, &odd));
    show("  clock_gettime, bad pointer", syscall(SYS_clock_gettime, c, 8));
    show("  clock_getres, bad pointer", syscall(SYS_clock_getres, c, 8));
    show("  clock_getres, none", syscall(SYS_clock_getres, c, NULL));
    show("  clock_nanosleep, bad pointer", syscall(SYS_clock_nanosleep, c, 0, 8, NULL));
    show("  clock_nanosleep, bad time", syscall(SYS_clock_nanosleep, c, 0, &odd, NULL));
    show("  clock_nanosleep, no time", syscall(SYS_clock_nanosleep, c, 0, &good, NULL));
  }
  return 0;
}
