/* CLONE_PARENT_SETTID writes the number in the parent's memory: a forked child never sees it, one that shares memory does. */
#include "check.h"

static int shared_word;
static int look(void *arg) {
  (void)arg;
  return shared_word == gettid_() ? 11 : 12;
}

int main(void) {
  int word = -7;
  long c = must(syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, &word, NULL, 0));
  if (c == 0) _exit(word == -7 ? 10 : 13);
  say("child: untouched: %s; parent: written %d", reap((pid_t)c), word == c);
  word = -7;
  c = must(syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_VFORK | SIGCHLD, 0, &word, NULL, 0));
  if (c == 0) _exit(word == -7 ? 10 : 13);
  say("suspended meanwhile: %s; parent: written %d", reap((pid_t)c), word == c);
  c = raw_clone(CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD, new_stack(), &shared_word, NULL, NULL, look, NULL);
  say("shared memory: %s", reap((pid_t)c));
  c = must(syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, 8, NULL, 0));
  if (c == 0) _exit(14);
  say("a bad pointer is ignored: %s", reap((pid_t)c));
  word = -7;
  show_ok("a clone that fails", syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_THREAD, 0, &word, NULL, 0));
  say("writes nothing: %d", word == -7);
  return 0;
}
