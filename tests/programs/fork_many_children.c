/* Thirty children at once; each status arrives exactly once. */
#include "check.h"

int main(void) {
  struct gate go = new_gate();
  pid_t pids[30];
  for (int i = 0; i < 30; i++)
    CHILD(pids[i]) {
      pass_gate(&go);
      _exit(i);
    }
  for (int i = 0; i < 30; i++) open_gate(&go);
  int seen[30] = { 0 }, wrong = 0;
  for (int n = 0; n < 30; n++) {
    int status;
    pid_t pid = (pid_t)must(wait(&status));
    int i = 0;
    while (i < 30 && pids[i] != pid) i++;
    if (i == 30 || !WIFEXITED(status) || WEXITSTATUS(status) != i || seen[i]++) wrong++;
  }
  say("wrong: %d", wrong);
  show("then", wait(NULL));
  return 0;
}
