/* Signals to a stopped process wait for SIGCONT, except SIGKILL; a sleep that was interrupted by a stop goes on. */
#include "check.h"

static void handler(int sig) { say("  handler %d", sig); }
static pid_t stopped(int mask_cont) {
  pid_t child;
  struct gate ready = new_gate();
  CHILD(child) {
    on_signal(SIGUSR1, handler);
    on_signal(SIGCONT, handler);
    if (mask_cont) block(SIGCONT);
    open_gate(&ready);
    struct timespec t = { 0, 50000000 };
    int r = nanosleep(&t, &t);
    say("  sleep: %s", r ? errname(errno) : "0");
    r = nanosleep(&t, &t);
    pause();
    _exit(3);
  }
  pass_gate(&ready);
  wait_asleep(child);
  kill(child, SIGSTOP);
  int s;
  must(waitpid(child, &s, WUNTRACED));
  return child;
}

int main(void) {
  pid_t c = stopped(0);
  kill(c, SIGUSR1);
  sleep_ms(3);
  say("USR1: still %c", state_of(c));
  say("CONT");
  kill(c, SIGCONT);
  wait_asleep(c);
  sleep_ms(2);
  kill(c, SIGKILL);
  say("%s", reap(c));
  c = stopped(1);
  kill(c, SIGTERM);
  sleep_ms(3);
  say("TERM: still %c", state_of(c));
  kill(c, SIGCONT);
  say("CONT: %s", reap(c));
  c = stopped(0);
  kill(c, SIGKILL);
  say("KILL at once: %s", reap(c));
  c = stopped(0);
  kill(c, SIGSTOP);
  kill(c, SIGTSTP);
  int s;
  show("a second stop is not told", waitpid(c, &s, WUNTRACED | WNOHANG));
  kill(c, SIGCONT);
  wait_asleep(c);
  show("nor does it stop again", waitpid(c, &s, WUNTRACED | WNOHANG));
  kill(c, SIGKILL);
  wait_for(c);
  return 0;
}
