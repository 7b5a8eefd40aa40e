/* A robust mutex in shared memory: whoever locks it after its owner's death is told, may repair it, or makes it useless. */
#include "check.h"

static const char *name_of(int e) { return e == EOWNERDEAD ? "EOWNERDEAD" : e == ENOTRECOVERABLE ? "ENOTRECOVERABLE" : e ? errname(e) : "0"; }
static pthread_mutex_t *m;
static void *locks(void *arg) {
  pthread_mutex_lock(m);
  return arg;
}

int main(void) {
  m = shared_memory(4096);
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(m, &a);
  pid_t child, waiter;
  static const char *const ends[] = { "exit", "SIGKILL", "exec", "thread" };
  for (int i = 0; i < 4; i++) {
    struct gate held = new_gate(), go = new_gate();
    CHILD(child) {
      pthread_t t;
      if (i == 3) {
        pthread_create(&t, NULL, locks, NULL);
        pthread_join(t, NULL);
        open_gate(&held);
        for (;;) pause();
      }
      pthread_mutex_lock(m);
      open_gate(&held);
      pass_gate(&go);
      if (i == 2) execl("/bin/true", "true", NULL);
      _exit(0);
    }
    pass_gate(&held);
    CHILD(waiter) {
      int r = pthread_mutex_lock(m);
      say("%s: lock %s", ends[i], name_of(r));
      say("  consistent %s", name_of(pthread_mutex_consistent(m)));
      say("  unlock %s", name_of(pthread_mutex_unlock(m)));
      _exit(0);
    }
    if (i < 3) wait_asleep(waiter);
    if (i == 1 || i == 3) {
      if (i == 3) wait_state(waiter, "Z");
      kill(child, SIGKILL);
    } else open_gate(&go);
    wait_for(child);
    wait_for(waiter);
  }
  say("normal again: lock %s", name_of(pthread_mutex_lock(m)));
  say("  unlock %s", name_of(pthread_mutex_unlock(m)));
  CHILD(child) {
    pthread_mutex_lock(m);
    _exit(0);
  }
  wait_for(child);
  say("lock %s", name_of(pthread_mutex_lock(m)));
  say("unlocked without repair %s", name_of(pthread_mutex_unlock(m)));
  say("lock %s", name_of(pthread_mutex_lock(m)));
  return 0;
}
