/* adjtimex(2): who may set what, what is refused, and what is remembered of it. */
// differs: the clock of a host is not to be adjusted by a test
#include "check.h"

#include <sys/timex.h>

static void adj(const char *name, struct timex t) {
  long r = syscall(SYS_adjtimex, &t);
  if (r < 0) show(name, r);
  else
    say("%s: %ld, modes %x, offset %ld, freq %ld, errors %ld and %ld, status %x, constant %ld, precision %ld, tolerance %ld, tick %ld, tai %d, %ld", name, r,
        t.modes, (long)t.offset, (long)t.freq, (long)t.maxerror, (long)t.esterror, t.status, (long)t.constant, (long)t.precision, (long)t.tolerance,
        (long)t.tick, t.tai, (long)t.ppsfreq);
}

int main(void) {
  adj("read", (struct timex){0 });
  adj("again", (struct timex){0 });
  adj("ss_read", (struct timex){ .modes = 0xa001, .offset = 77 });
  adj("singleshot", (struct timex){ .modes = 0x8001, .offset = 500 });
  adj("ss_read", (struct timex){ .modes = 0xa001 });
  adj("singleshot0", (struct timex){ .modes = 0x8001, .offset = 0 });
  adj("0x8000 only", (struct timex){ .modes = 0x8000 });
  adj("0x2001", (struct timex){ .modes = 0x2001 });
  adj("0xa000", (struct timex){ .modes = 0xa000 });
  adj("tick low", (struct timex){ .modes = ADJ_TICK, .tick = 8999 });
  adj("tick hi", (struct timex){ .modes = ADJ_TICK, .tick = 11001 });
  adj("tick 9000", (struct timex){ .modes = ADJ_TICK, .tick = 9000 });
  adj("tick 10000", (struct timex){ .modes = ADJ_TICK, .tick = 10000 });
  adj("freq", (struct timex){ .modes = ADJ_FREQUENCY, .freq = 65536 });
  adj("freq huge", (struct timex){ .modes = ADJ_FREQUENCY, .freq = 1L << 40 });
  adj("freq -huge", (struct timex){ .modes = ADJ_FREQUENCY, .freq = -(1L << 40) });
  adj("freq 0", (struct timex){ .modes = ADJ_FREQUENCY });
  adj("maxerr", (struct timex){ .modes = ADJ_MAXERROR | ADJ_ESTERROR, .maxerror = 5, .esterror = 6 });
  adj("status", (struct timex){ .modes = ADJ_STATUS, .status = STA_PLL });
  adj("offset pll", (struct timex){ .modes = ADJ_OFFSET, .offset = 1000 });
  adj("read", (struct timex){0 });
  adj("offset nano", (struct timex){ .modes = ADJ_OFFSET | ADJ_NANO, .offset = 1000 });
  adj("micro", (struct timex){ .modes = ADJ_MICRO });
  adj("offset huge", (struct timex){ .modes = ADJ_OFFSET, .offset = 1L << 50 });
  adj("timeconst", (struct timex){ .modes = ADJ_TIMECONST, .constant = 6 });
  adj("timeconst 99", (struct timex){ .modes = ADJ_TIMECONST, .constant = 99 });
  adj("tai", (struct timex){ .modes = ADJ_TAI, .constant = 34 });
  adj("tai -1", (struct timex){ .modes = ADJ_TAI, .constant = -1 });
  adj("status ro", (struct timex){ .modes = ADJ_STATUS, .status = 0xffff });
  adj("status unsync", (struct timex){ .modes = ADJ_STATUS, .status = STA_UNSYNC });
  adj("status ins", (struct timex){ .modes = ADJ_STATUS, .status = STA_INS | STA_PLL });
  adj("status 0", (struct timex){ .modes = ADJ_STATUS, .status = 0 });
  adj("setoffset", (struct timex){ .modes = ADJ_SETOFFSET, .time = {1,0} });
  adj("setoffset bad", (struct timex){ .modes = ADJ_SETOFFSET, .time = {1,-1} });
  adj("setoffset big", (struct timex){ .modes = ADJ_SETOFFSET | ADJ_NANO, .time = {0,1000000000} });
  adj("setoffset neg", (struct timex){ .modes = ADJ_SETOFFSET | ADJ_NANO, .time = {-1,5} });
  adj("PLL", (struct timex){ .modes = ADJ_STATUS, .status = STA_PLL });
  adj("a negative offset", (struct timex){ .modes = ADJ_OFFSET | ADJ_NANO, .offset = -123456789 });
  adj("read", (struct timex){0 });
  adj("in us", (struct timex){ .modes = ADJ_MICRO });
  struct timex t = { .modes = 0x8000 };
  memset((char *)&t + 164, 0x5a, 44);
  show("from a bad address", syscall(SYS_adjtimex, 8));
  show("refused", syscall(SYS_adjtimex, &t));
  t.modes = 0;
  say("what is reserved stays: %d, %x", syscall(SYS_adjtimex, &t) >= 0, ((unsigned char *)&t)[200]);
  struct timespec before, after;
  clock_gettime(CLOCK_REALTIME, &before);
  syscall(SYS_adjtimex, &(struct timex){ .modes = ADJ_SETOFFSET, .time = { 100, 0 } });
  clock_gettime(CLOCK_REALTIME, &after);
  say("an offset moves the time: %d", (int)(after.tv_sec - before.tv_sec) / 10);
  t = (struct timex){ .modes = ADJ_STATUS, .status = STA_PLL };
  syscall(SYS_adjtimex, &t);
  syscall(SYS_clock_settime, CLOCK_REALTIME, &before);
  adj("after the clock was set", (struct timex){ 0 });
  must(setresuid(5, 5, 5));
  adj("user read", (struct timex){0 });
  adj("user ssread", (struct timex){ .modes = 0xa001 });
  adj("user ss", (struct timex){ .modes = 0x8001 });
  adj("user freq", (struct timex){ .modes = ADJ_FREQUENCY });
  adj("user tick bad", (struct timex){ .modes = ADJ_TICK });
  adj("user a000", (struct timex){ .modes = 0xa000 });
  adj("user 8000", (struct timex){ .modes = 0x8000 });
  adj("user setoff", (struct timex){ .modes = ADJ_SETOFFSET, .time = {0,-1} });
  return 0;
}
