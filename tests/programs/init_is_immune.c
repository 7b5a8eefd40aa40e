/* Process 1 takes no harm from inside: kill() says 0 and nothing happens. */
// needs: root
#include "check.h"

int main(void) {
  must_be_contained();
  show("SIGKILL", kill(1, SIGKILL));
  show("SIGSTOP", kill(1, SIGSTOP));
  show("SIGTERM", kill(1, SIGTERM));
  show("SIGSEGV", kill(1, SIGSEGV));
  show("0", kill(1, 0));
  sleep_ms(5);
  pid_t child, *grandchild = shared_memory(4096);
  CHILD(child) {
    pid_t made;
    CHILD(made) _exit(0);
    *grandchild = made;
    _exit(0);
  }
  wait_for(child);
  for (int i = 0; i < 1000 && kill(*grandchild, 0) == 0; i++) sleep_ms(1);
  show("and it still reaps: orphan", kill(*grandchild, 0));
  return 0;
}
