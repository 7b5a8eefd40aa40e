/* Context switches are counted where /proc and getrusage() show them: sleeping is voluntary, being preempted is not. */
#include "check.h"

static long counter(const char *key) {
  char line[300];
  long value = -1;
  FILE *f = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, key, strlen(key))) value = atol(strchr(line, ':') + 1);
  fclose(f);
  return value;
}

int main(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  long before = counter("voluntary_ctxt_switches");
  struct rusage a, b;
  getrusage(RUSAGE_SELF, &a);
  for (int i = 0; i < 10; i++) usleep(1000);
  getrusage(RUSAGE_SELF, &b);
  say("ten sleeps: status at least ten more %d, rusage at least ten more %d", counter("voluntary_ctxt_switches") - before >= 10, b.ru_nvcsw - a.ru_nvcsw >= 10);
  volatile int *stop = shared_memory(4096);
  pid_t child;
  CHILD(child) {
    while (!*stop) continue;
    getrusage(RUSAGE_SELF, &b);
    _exit(b.ru_nivcsw > 0 || counter("nonvoluntary_ctxt_switches") > 0);
  }
  before = counter("nonvoluntary_ctxt_switches");
  struct timespec t0, t;
  clock_gettime(CLOCK_MONOTONIC, &t0);
  do clock_gettime(CLOCK_MONOTONIC, &t);
  while ((t.tv_sec - t0.tv_sec) * 1000 + (t.tv_nsec - t0.tv_nsec) / 1000000 < 30);
  *stop = 1;
  say("the spinning child was preempted: %s", reap(child));
  say("so was the parent: %d", counter("nonvoluntary_ctxt_switches") > before);
  return 0;
}
