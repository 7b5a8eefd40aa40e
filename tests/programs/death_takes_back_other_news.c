/* A stop or a SIGCONT that nobody has asked for yet is no news of a child any more once it is dead; only its end is. */
#include "check.h"

static pid_t child;
static void ask(const char *what, int options) {
  siginfo_t info = { 0 };
  int r = waitid(P_PID, (id_t)child, &info, options | WNOHANG);
  if (r) say("  %s: %s", what, errname(errno));
  else if (!info.si_pid) say("  %s: nothing yet", what);
  else say("  %s: code %d status %d", what, info.si_code, info.si_status);
}
static void ask_all(void) {
  ask("stopped", WSTOPPED);
  ask("continued", WCONTINUED);
  ask("stopped or continued", WSTOPPED | WCONTINUED);
  ask("all, to look at", WSTOPPED | WCONTINUED | WEXITED | WNOWAIT);
}
static void starts(void (*body)(void)) {
  CHILD(child) {
    body();
    _exit(5);
  }
}
static void sleeps(void) {
  for (;;) pause();
}
static void ends_at_sigcont(void) {
  raise(SIGSTOP);
}
static void *stays(void *unused) {
  for (;;) pause();
  return unused;
}
static void leader_ends(void) {
  pthread_t thread;
  must(-pthread_create(&thread, NULL, stays, NULL));
  syscall(SYS_exit, 4);
}
static void ended(const char *what) {
  wait_state(child, "Z");
  say("%s", what);
  ask_all();
  say("  %s", reap(child));
}

int main(void) {
  starts(sleeps);
  wait_asleep(child);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  kill(child, SIGKILL);
  ended("stopped, then killed:");

  starts(sleeps);
  wait_asleep(child);
  kill(child, SIGSTOP);
  wait_state(child, "T");
  kill(child, SIGCONT);
  wait_asleep(child);
  kill(child, SIGTERM);
  ended("stopped, continued and killed:");

  starts(ends_at_sigcont);
  wait_state(child, "T");
  kill(child, SIGTERM);
  kill(child, SIGCONT);
  ended("SIGTERM while stopped, then SIGCONT:");

  starts(ends_at_sigcont);
  wait_state(child, "T");
  kill(child, SIGCONT);
  ended("continued, then exited:");

  starts(leader_ends);
  wait_state(child, "Z");
  say("a leader that has ended before its thread:");
  ask_all();
  kill(child, SIGSTOP);
  sleep_ms(5);
  say("and stopped:");
  ask("all, to look at", WSTOPPED | WCONTINUED | WEXITED | WNOWAIT);
  ask_all();
  kill(child, SIGCONT);
  sleep_ms(5);
  say("and continued:");
  ask("all, to look at", WSTOPPED | WCONTINUED | WEXITED | WNOWAIT);
  kill(child, SIGSTOP);
  sleep_ms(5);
  kill(child, SIGKILL);
  sleep_ms(5);
  say("and killed:");
  ask("stopped or continued", WSTOPPED | WCONTINUED);
  say("  %s", reap(child));
  return 0;
}
