/* /proc/stat: `processes` counts every fork and thread since the start, ctxt every switch; they never fall. */
#include "check.h"

static long long counter(const char *key) {
  char line[4096];
  long long value = -1;
  FILE *f = fopen("/proc/stat", "r");
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ' ') value = atoll(line + strlen(key));
  fclose(f);
  return value;
}
static void *nothing(void *arg) { return arg; }

int main(void) {
  long long forks = counter("processes"), switches = counter("ctxt");
  say("there: %d %d", forks > 0, switches > 0);
  for (int i = 0; i < 5; i++) {
    pid_t child;
    CHILD(child) _exit(0);
    wait_for(child);
  }
  long long then = counter("processes");
  say("five children: %d", then - forks >= 5);
  pthread_t t;
  pthread_create(&t, NULL, nothing, NULL);
  pthread_join(t, NULL);
  say("a thread: %d", counter("processes") - then >= 1);
  say("switches: %d", counter("ctxt") - switches >= 5);
  say("running: %d", counter("procs_running") >= 1);
  say("boot time: %d, cpu line: %d", counter("btime") > 0, counter("cpu") >= 0);
  return 0;
}
