/* A tree of processes three levels deep: each one's status travels up, PIDs rise in creation order. */
#include "check.h"

static int tree(int depth, int number) {
  int sum = number;
  pid_t last = getpid();
  if (depth == 0) return sum;
  for (int i = 1; i <= 2; i++) {
    pid_t child;
    CHILD(child) _exit(tree(depth - 1, number * 2 + i));
    if (child <= last) say("PIDs do not rise at %d", number);
    last = child;
    int status = wait_for(child);
    say("level %d node %d: child %d %s", depth, number, number * 2 + i, wait_str(status));
    sum += WEXITSTATUS(status);
  }
  return sum;
}

int main(void) {
  say("sum %d", tree(3, 0));
  show("nobody is left", wait(NULL));
  return 0;
}
