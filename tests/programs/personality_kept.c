/* personality(): asked with all ones, kept by fork and exec, by each thread of its own. */
#include "check.h"
#include <sys/personality.h>

static void *thread(void *arg) {
  say("thread: %x", personality(0xffffffff));
  personality(0);
  return arg;
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    say("executed: %x", personality(0xffffffff));
    return 0;
  }
  say("at first %x", personality(0xffffffff));
  say("set gives the old: %x", personality(ADDR_NO_RANDOMIZE | STICKY_TIMEOUTS));
  pid_t child;
  CHILD(child) {
    say("child: %x", personality(0xffffffff));
    execl("/proc/self/exe", "x", "y", NULL);
    _exit(1);
  }
  wait_for(child);
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);
  say("ours: %x", personality(0xffffffff));
  FILE *f = fopen("/proc/self/personality", "r");
  char line[40] = "";
  if (f && fgets(line, sizeof line, f)) say("file: %.8s", line);
  return 0;
}
