/* A thousand children one after another, and a chain of fifty, each the child of the one before. */
#include "check.h"

static int chain(int n) {
  if (n == 0) return 0;
  pid_t child;
  CHILD(child) _exit(chain(n - 1));
  return WEXITSTATUS(wait_for(child)) + 1;
}

int main(void) {
  int good = 0;
  pid_t last = getpid(), child;
  for (int i = 0; i < 1000; i++) {
    CHILD(child) _exit(i & 255);
    good += WEXITSTATUS(wait_for(child)) == (i & 255) && child > last;
    last = child;
  }
  say("good %d", good);
  say("chain of %d", chain(50));
  return 0;
}
