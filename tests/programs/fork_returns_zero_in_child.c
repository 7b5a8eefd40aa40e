/* fork() returns twice: 0 in the child, the child's PID in the parent. */
#include "check.h"

int main(void) {
  pid_t me = getpid();
  pid_t child = (pid_t)must(fork());
  if (child == 0) {
    say("child: fork gave 0, getpid differs from the parent's: %d", getpid() != me);
    say("child: getppid is the parent: %d", getppid() == me);
    say("child: gettid is getpid: %d", gettid_() == getpid());
    _exit(42);
  }
  int status;
  pid_t got = (pid_t)must(waitpid(child, &status, 0));
  say("parent: fork gave the PID that wait gives: %d", got == child);
  say("parent: the child %s", wait_str(status));
  show("parent: second wait", waitpid(child, &status, 0));
  show("parent: kill of the reaped PID", kill(child, 0));
  return 0;
}
