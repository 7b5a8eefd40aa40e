/* setfsuid(-1): a privileged process really gets that user, whom nothing belongs to. */
// needs: root
// differs: since 3.8 an invalid user is refused; 3.2 takes the number as it is (sys_setfsuid)
#include "check.h"

int main(void) {
  say("%d", (int)syscall(SYS_setfsuid, -1));
  say("%d", (int)syscall(SYS_setfsuid, 0));
  return 0;
}
