/* Who may signal whom: real or effective against real or saved user; SIGCONT within a session; kill(-1) hides EPERM. */
// needs: root
#include "check.h"

static pid_t target_as(uid_t r, uid_t e, uid_t s) {
  struct gate ready = new_gate();
  pid_t child;
  CHILD(child) {
    must(setresuid(r, e, s));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  return child;
}
static void try_as(const char *name, uid_t r, uid_t e, uid_t s, pid_t target, int sig) {
  pid_t child;
  CHILD(child) {
    must(setresuid(r, e, s));
    show(name, kill(target, sig));
    _exit(0);
  }
  wait_for(child);
}

int main(void) {
  must_be_contained();
  own_session();
  pid_t a = target_as(1001, 1002, 1003);
  try_as("real is its real", 1001, 5, 5, a, 0);
  try_as("real is its saved", 1003, 5, 5, a, 0);
  try_as("real is its effective", 1002, 5, 5, a, 0);
  try_as("effective is its real", 5, 1001, 5, a, 0);
  try_as("effective is its saved", 5, 1003, 5, a, 0);
  try_as("saved is its real", 5, 5, 1001, a, 0);
  try_as("stranger", 5, 5, 5, a, 0);
  try_as("stranger, bad signal", 5, 5, 5, a, 65);
  try_as("stranger, SIGCONT in the session", 5, 5, 5, a, SIGCONT);
  try_as("root", 0, 0, 0, a, 0);
  pid_t b;
  struct gate ready = new_gate();
  CHILD(b) {
    setsid();
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  try_as("stranger, SIGCONT to another session", 5, 5, 5, b, SIGCONT);
  try_as("stranger, group", 5, 5, 5, -b, SIGTERM);
  try_as("stranger, everybody", 5, 5, 5, -1, SIGTERM);
  kill(a, SIGKILL);
  kill(b, SIGTERM);
  say("%s", reap(a));
  say("%s", reap(b));
  return 0;
}
