/* Priority-inheriting futexes: lock, contention, try, unlock by others, deadlock, the owner's death. */
#include "check.h"

enum { LOCK_PI = 6, UNLOCK_PI = 7, TRYLOCK_PI = 8 };
static int *word;

int main(void) {
  word = shared_memory(4096);
  pid_t child;
  show("lock", futex(word, LOCK_PI, 0, NULL));
  say("holds our tid: %d", *word == gettid_());
  show("lock again", futex(word, LOCK_PI, 0, NULL));
  CHILD(child) {
    show("child: try", futex(word, TRYLOCK_PI, 0, NULL));
    show("child: unlock another's", futex(word, UNLOCK_PI, 0, NULL));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    show("child: time is over", futex(word, LOCK_PI, 0, &now));
    show("child: lock", futex(word, LOCK_PI, 0, NULL));
    say("child: holds it: %d", (*word & 0x3fffffff) == gettid_());
    show("child: unlock", futex(word, UNLOCK_PI, 0, NULL));
    _exit(0);
  }
  wait_asleep(child);
  say("waiters bit: %d", (unsigned)*word >> 31);
  long r = futex(word, UNLOCK_PI, 0, NULL);
  wait_for(child);
  show("unlock with a waiter", r);
  say("free: %d", *word);
  show("unlock a free one", futex(word, UNLOCK_PI, 0, NULL));
  *word = 30000;
  show("owner is nobody", futex(word, LOCK_PI, 0, NULL));
  *word = 0;
  show("try a free one", futex(word, TRYLOCK_PI, 0, NULL));
  show("unlock", futex(word, UNLOCK_PI, 0, NULL));
  return 0;
}
