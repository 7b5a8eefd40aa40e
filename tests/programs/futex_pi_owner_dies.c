/* The owner of a priority-inheriting futex dies: its first waiter gets the lock, whether there was a robust list or not. */
// differs: until 3.14, while the word says that an owner died, the kernel leaves it as it is at an unlock, so the next owner is not in it (wake_futex_pi)
#include "check.h"

enum { LOCK_PI = 6, UNLOCK_PI = 7, TRYLOCK_PI = 8 };
enum { NO_LIST, EMPTY_LIST };
static int *word;

static void show_word(const char *who) {
  unsigned w = (unsigned)*word;
  say("%s: owned by %s%s%s", who, (w & 0x3fffffff) == (unsigned)gettid_() ? "me" : (w & 0x3fffffff) ? "another" : "nobody",
      w & 0x80000000u ? ", waiters" : "", w & 0x40000000u ? ", owner died" : "");
}
static void wait_and_take(const char *who, int op) {
  show(who, futex(word, op, 0, NULL));
  show_word(who);
  show(who, futex(word, UNLOCK_PI | (op & F_PRIVATE), 0, NULL));
  show_word(who);
}
static struct gate locked, go;
static void *holder(void *kind) {
  struct { void *list; long offset; void *pending; } head = { &head, 0, NULL };
  must(syscall(SYS_set_robust_list, (long)kind == NO_LIST ? NULL : &head, 24));
  must(futex(word, LOCK_PI | F_PRIVATE, 0, NULL));
  open_gate(&locked);
  pass_gate(&go);
  syscall(SYS_exit, 0);
  return NULL;
}

/* A thread, in private memory. */
static void thread_dies(long kind) {
  say("-- a thread with %s", kind == NO_LIST ? "no list" : "an empty list");
  pid_t child;
  *word = 0;
  CHILD(child) {
    locked = new_gate();
    go = new_gate();
    pthread_t t;
    must(pthread_create(&t, NULL, holder, (void *)kind) ? -1 : 0);
    pass_gate(&locked);
    pid_t me = gettid_(), helper;
    CHILD(helper) {
      wait_asleep(me);
      open_gate(&go);
      _exit(0);
    }
    wait_and_take("the waiter", LOCK_PI | F_PRIVATE);
    _exit(0);
  }
  say("it %s", reap(child));
}

/* A process, in memory it shares; killed while two wait. */
static void process_dies(long kind) {
  say("-- a process with %s", kind == NO_LIST ? "no list" : "an empty list, and the first waiter repairs what the lock is for");
  *word = 0;
  struct gate ready = new_gate();
  pid_t owner, first, then;
  CHILD(owner) {
    struct { void *list; long offset; void *pending; } head = { &head, 0, NULL };
    must(syscall(SYS_set_robust_list, kind == NO_LIST ? NULL : &head, 24));
    must(futex(word, LOCK_PI, 0, NULL));
    open_gate(&ready);
    for (;;) pause();
  }
  pass_gate(&ready);
  CHILD(first) {
    show("the first waiter", futex(word, LOCK_PI, 0, NULL));
    show_word("the first waiter");
    sleep_ms(20);
    if (kind == EMPTY_LIST) __sync_fetch_and_and(word, ~0x40000000);
    show("the first waiter", futex(word, UNLOCK_PI, 0, NULL));
    _exit(0);
  }
  wait_asleep(first);
  CHILD(then) {
    wait_and_take("the second waiter", LOCK_PI);
    _exit(0);
  }
  wait_asleep(then);
  must(kill(owner, SIGKILL));
  say("the owner: %s", reap(owner));
  wait_for(first);
  wait_for(then);
  show_word("at the end");
}

/* The owner executes another program: it leaves its memory, and so the lock. */
static void owner_execs(char *self) {
  say("-- an exec");
  *word = 0;
  struct gate ready = new_gate(), on = new_gate();
  pid_t owner, waiter;
  CHILD(owner) {
    must(syscall(SYS_set_robust_list, NULL, 24));
    must(futex(word, LOCK_PI, 0, NULL));
    open_gate(&ready);
    pass_gate(&on);
    execl(self, self, "idle", NULL);
    _exit(99);
  }
  pass_gate(&ready);
  CHILD(waiter) {
    wait_and_take("the waiter", LOCK_PI);
    _exit(0);
  }
  wait_asleep(waiter);
  open_gate(&on);
  wait_for(waiter);
  must(kill(owner, SIGKILL));
  wait_for(owner);
}

/* Nobody waits: the word stays, and its owner is gone. */
static void nobody_waits(void) {
  say("-- nobody waits");
  *word = 0;
  pid_t owner;
  CHILD(owner) {
    must(syscall(SYS_set_robust_list, NULL, 24));
    must(futex(word, LOCK_PI, 0, NULL));
    _exit(0);
  }
  wait_for(owner);
  show("lock", futex(word, LOCK_PI, 0, NULL));
  show("try", futex(word, TRYLOCK_PI, 0, NULL));
  *word |= 0x40000000;
  show("lock, the bit set", futex(word, LOCK_PI, 0, NULL));
  show_word("now");
}

int main(int argc, char **argv) {
  if (argc > 1) for (;;) pause();
  word = shared_memory(4096);
  static int private_word;
  int *shared = word;
  word = &private_word;
  thread_dies(NO_LIST);
  thread_dies(EMPTY_LIST);
  word = shared;
  process_dies(NO_LIST);
  process_dies(EMPTY_LIST);
  owner_execs(argv[0]);
  nobody_waits();
  return 0;
}
