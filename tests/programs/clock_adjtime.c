/* clock_adjtime() of CLOCK_REALTIME is adjtimex(), but stores nothing while the clock is not synchronized; other clocks
 * cannot be adjusted.
 */
// needs: root
// differs: later kernels store in any case, and look at the memory before the clock
#include "check.h"
#include <sys/timex.h>

static long adjust(clockid_t clock, struct timex *t) { return syscall(SYS_clock_adjtime, clock, t); }

int main(void) {
  struct timex t, s = {0};
  long state = syscall(SYS_adjtimex, &s);
  memset(&t, 0x55, sizeof t), t.modes = 0;
  say("not synchronized: as adjtimex %d", state == adjust(CLOCK_REALTIME, &t));
  say("stored: %d", t.maxerror != 0x5555555555555555);
  t.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, t.status = 0, t.maxerror = t.esterror = 0;
  show("synchronized", adjust(CLOCK_REALTIME, &t));
  say("stored: %d %d, tick %ld", t.maxerror == 0, t.offset == 0, t.tick);
  memset(&t, 0x55, sizeof t), t.modes = 0;
  show("read", adjust(CLOCK_REALTIME, &t));
  say("constant %ld, precision %ld", t.constant, t.precision);
  memset(&t, 0x55, sizeof t), t.modes = ADJ_TICK, t.tick = 1;
  show("a bad tick", adjust(CLOCK_REALTIME, &t));
  say("stored: %d", t.maxerror != 0x5555555555555555);
  t.modes = 0;
  const struct { const char *name; clockid_t clock; } clocks[] = {{"CLOCK_MONOTONIC", CLOCK_MONOTONIC}, {"CLOCK_REALTIME_COARSE", CLOCK_REALTIME_COARSE}, {"CLOCK_BOOTTIME", CLOCK_BOOTTIME}, {"own CPU time", CLOCK_PROCESS_CPUTIME_ID}, {"CPU time of nobody", ~999999u << 3 | 2}, {"descriptor 0", ~0u << 3 | 3}, {"descriptor 99", ~99u << 3 | 3}, {"no clock", 99}};
  for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    show(clocks[i].name, adjust(clocks[i].clock, &t));
    show("  without memory", adjust(clocks[i].clock, NULL));
  }
  show("without memory", adjust(CLOCK_REALTIME, NULL));
  must(setuid(1000));
  show("read by another", adjust(CLOCK_REALTIME, &t));
  t.modes = ADJ_STATUS;
  show("set by another", adjust(CLOCK_REALTIME, &t));
  return 0;
}
