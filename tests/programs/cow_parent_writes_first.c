/* Private memory after fork: the parent writes first, the child still sees the old values, page by page. */
#include "check.h"

enum { PAGES = 64 };
int main(void) {
  char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < PAGES / 2; i++) p[i * 4096] = (char)i;
  struct gate go = new_gate();
  pid_t child;
  CHILD(child) {
    pass_gate(&go);
    int old = 0, zero = 0;
    for (int i = 0; i < PAGES / 2; i++) old += p[i * 4096] == i;
    for (int i = PAGES / 2; i < PAGES; i++) zero += p[i * 4096] == 0;
    say("child: old %d, zero %d", old, zero);
    memset(p, 9, PAGES * 4096);
    _exit(0);
  }
  memset(p, 7, PAGES * 4096);
  open_gate(&go);
  say("%s", reap(child));
  int mine = 0;
  for (int i = 0; i < PAGES * 4096; i++) mine += p[i] == 7;
  say("parent: %d of %d bytes", mine, PAGES * 4096);
  return 0;
}
