/* The signal of a POSIX timer that is on its way comes even if the timer is disarmed, armed anew or deleted meanwhile; a periodic
 * timer whose signal was thrown away, because it came to be ignored, does not go on.
 */
#include "check.h"
// differs: since 6.13 such a signal is dropped with what the timer was, and the periodic timer goes on when the signal is wanted again

static volatile int count, value;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  count++;
  value = info->si_value.sival_int;
}
static int timer(void) {
  struct sigevent e;
  int id;
  memset(&e, 0, sizeof e);
  e.sigev_signo = RT(0);
  e.sigev_value.sival_int = 7;
  must(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
  return id;
}
static void arm(int id, long ms, long interval_ms) {
  struct { struct timespec interval, value; } s = { { 0, interval_ms * 1000000 }, { 0, ms * 1000000 } };
  must(syscall(SYS_timer_settime, id, 0, &s, NULL));
}
static void show_count(const char *what) {
  say("%s: pending %d", what, is_pending(RT(0)));
  count = value = 0;
  unblock(RT(0));
  say("  came %d, with value %d", count, value);
  block(RT(0));
}

int main(void) {
  on_siginfo(RT(0), handler, 0);
  block(RT(0));
  int id = timer();
  arm(id, 1, 0);
  sleep_ms(10);
  arm(id, 0, 0);
  show_count("disarmed");
  arm(id, 1, 0);
  sleep_ms(10);
  arm(id, 900, 0);
  show_count("armed anew");
  arm(id, 1, 0);
  sleep_ms(10);
  must(syscall(SYS_timer_delete, id));
  show_count("deleted");
  id = timer();
  arm(id, 1, 1);
  sleep_ms(10);
  signal(RT(0), SIG_IGN);
  on_siginfo(RT(0), handler, 0);
  sleep_ms(10);
  show_count("ignored for a moment");
  return 0;
}
