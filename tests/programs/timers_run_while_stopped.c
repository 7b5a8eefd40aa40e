/* Real time runs on for a stopped process: its alarm waits for it and comes with SIGCONT; its CPU timers stand still. */
#include "check.h"

static volatile int alarms, virtuals;
static void handler(int sig) { sig == SIGALRM ? alarms++ : virtuals++; }

int main(void) {
  pid_t child;
  struct gate ready = new_gate();
  CHILD(child) {
    on_signal(SIGALRM, handler);
    on_signal(SIGVTALRM, handler);
    struct itimerval soon = { { 0, 0 }, { 0, 20000 } }, cpu = { { 0, 0 }, { 5, 0 } }, left;
    must(setitimer(ITIMER_VIRTUAL, &cpu, NULL));
    must(setitimer(ITIMER_REAL, &soon, NULL));
    open_gate(&ready);
    raise(SIGSTOP);
    getitimer(ITIMER_REAL, &left);
    say("alarms %d, real timer off %d", alarms, left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0);
    getitimer(ITIMER_VIRTUAL, &left);
    say("virtual %d, hardly anything gone %d", virtuals, left.it_value.tv_sec >= 4);
    _exit(0);
  }
  pass_gate(&ready);
  wait_state(child, "T");
  sleep_ms(40);
  say("still %c", state_of(child));
  kill(child, SIGCONT);
  say("%s", reap(child));
  return 0;
}
