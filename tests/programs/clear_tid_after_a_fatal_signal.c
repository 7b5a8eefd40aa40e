/* CLONE_CHILD_CLEARTID: the word is cleared by exit(2), and not when a signal ended the process that shares the memory. */
// differs: since 4.8 only a core dump prevents the clearing; in 3.2 every fatal signal does (mm_release, PF_SIGNALED)
#include "check.h"

static int word;
static int ends(void *how) {
  if (how) kill(getpid(), SIGTERM);
  return 0;
}

int main(void) {
  for (int how = 0; how < 2; how++) {
    word = 5;
    long c = raw_clone(CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, new_stack(), NULL, &word, NULL, ends, how ? &word : NULL);
    const char *end = reap((pid_t)c);
    say("%s: word %d", end, word);
  }
  return 0;
}
