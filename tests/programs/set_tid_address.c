/* set_tid_address(): gives the TID; the word is cleared and woken only while somebody shares the memory. */
#include "check.h"

static int word;
static int thread(void *arg) {
  (void)arg;
  syscall(SYS_set_tid_address, &word);
  return 0;
}

int main(void) {
  say("gives the tid: %d", syscall(SYS_set_tid_address, &word) == gettid_());
  word = 55;
  raw_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, new_stack(), NULL, NULL, NULL, thread, NULL);
  while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 55) sleep_ms(1);
  say("cleared: %d", word);
  int *shared = shared_memory(4096);
  *shared = 66;
  pid_t child;
  CHILD(child) {
    syscall(SYS_set_tid_address, shared);
    _exit(0);
  }
  wait_for(child);
  say("sole user of its memory: word stays %d", *shared);
  long c = raw_clone(CLONE_VM | SIGCHLD, new_stack(), NULL, NULL, NULL, thread, NULL);
  word = 77;
  wait_for((pid_t)c);
  say("a process sharing the memory: %d", word == 0 || word == 77);
  return 0;
}
