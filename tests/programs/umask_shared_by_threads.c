/* umask(), and who sees a change of it. */
#include "check.h"

static void *thread(void *arg) {
  umask(*(mode_t *)arg);
  return NULL;
}

int main(void) {
  umask(022);
  say("%03o", umask(0777));
  say("%03o", umask(01234));
  say("%03o", umask(022));
  pid_t child;
  CHILD(child) {
    umask(077);
    _exit(0);
  }
  wait_for(child);
  say("child's change is its own: %03o", umask(022));
  pthread_t t;
  mode_t m = 055;
  pthread_create(&t, NULL, thread, &m);
  pthread_join(t, NULL);
  say("thread's change is everybody's: %03o", umask(022));
  return 0;
}
