/* exec from the leader: the other threads are gone, and so are their robust locks' owners. */
#include "check.h"

static int *word;
static void *other(void *arg) {
  __atomic_store_n(word, gettid_(), __ATOMIC_SEQ_CST);
  for (;;) pause();
  return arg;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    show("the thread", tgkill_(getpid(), atoi(argv[1]), 0));
    return 5;
  }
  word = shared_memory(4096);
  pid_t child;
  CHILD(child) {
    pthread_t t;
    char tid[20];
    pthread_create(&t, NULL, other, NULL);
    while (!__atomic_load_n(word, __ATOMIC_SEQ_CST)) sched_yield();
    snprintf(tid, sizeof tid, "%d", *word);
    execl(argv[0], argv[0], tid, NULL);
    _exit(1);
  }
  say("%s", reap(child));
  return 0;
}
