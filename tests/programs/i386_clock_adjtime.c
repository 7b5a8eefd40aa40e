/* clock_adjtime() of a 32-bit program: fields of 32 bits; the structure is read first, and written whatever comes of it. */
// needs: i386
// needs: root
// differs: later kernels store what the clock's state allows, and look at the clock first
#include "check.h"

static int t[32]; /* struct timex: modes, offset, freq, maxerror, esterror, status, … */
static void adjust(const char *what, int clock, int modes, void *memory) {
  memset(t, 0, sizeof t), t[0] = modes, t[3] = 77, t[4] = -5, t[31] = 9;
  show(what, syscall(343, clock, memory));
  say("  modes %#x, maxerror %d, esterror %d, status %d, last %d", t[0], t[3], t[4], t[5], t[31]);
}
int main(void) {
  adjust("set", CLOCK_REALTIME, 0x1c, t);
  adjust("read", CLOCK_REALTIME, 0, t);
  adjust("a bad clock", 99, 0x4000, t), adjust("another clock", CLOCK_MONOTONIC, 0, t);
  adjust("a bad clock, no memory", 99, 0, NULL), adjust("no memory", CLOCK_REALTIME, 0, NULL);
  adjust("a bad tick", CLOCK_REALTIME, 0x4000, t);
  return 0;
}
