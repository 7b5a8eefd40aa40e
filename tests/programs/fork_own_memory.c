/* After fork data, bss, heap and stack are each side's own. */
#include "check.h"

static int data = 1, bss;

int main(void) {
  int stack = 3;
  int *heap = malloc(sizeof *heap);
  *heap = 4;
  pid_t child;
  CHILD(child) {
    data += 10, bss += 10, stack += 10, *heap += 10;
    say("child: %d %d %d %d", data, bss, stack, *heap);
    _exit(0);
  }
  say("%s", reap(child));
  say("parent: %d %d %d %d", data, bss, stack, *heap);
  data = 100;
  CHILD(child) {
    say("second child sees %d", data);
    _exit(0);
  }
  say("%s", reap(child));
  return 0;
}
