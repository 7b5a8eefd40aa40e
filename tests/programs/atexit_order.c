/* atexit() functions run in reverse order, in the child too; _exit() and signals skip them. */
#include "check.h"

static pid_t parent;
static void first(void) { say("%s: first", getpid() == parent ? "parent" : "child"); }
static void second(void) { say("%s: second", getpid() == parent ? "parent" : "child"); }

int main(void) {
  parent = getpid();
  atexit(first);
  atexit(second);
  pid_t child;
  CHILD(child) exit(3);
  say("%s", reap(child));
  CHILD(child) _exit(4);
  say("%s", reap(child));
  CHILD(child) raise(SIGKILL);
  say("%s", reap(child));
  return 0;
}
