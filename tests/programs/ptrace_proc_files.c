/* What /proc says of a tracee: state t in stat and status, its tracer's thread in TracerPid; of its threads each its own.
   /proc/PID/stat's parent stays the real one. */
#include "trace.h"

static int *tids;
static int idle(void *arg) {
  (void)arg;
  tids[0] = gettid_();
  sleep_for_ever();
  return 0;
}
static void threads(void) {
  start_thread(idle, NULL);
  sleep_for_ever();
}
static void line_of(const char *what, pid_t pid, const char *name) {
  char path[40], line[200];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *f = fopen(path, "r");
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, name, strlen(name))) say("%s: %.*s", what, (int)strcspn(line, "\n"), line);
  fclose(f);
}
static void *attach(void *arg) {
  struct idle_thread *gates = arg;
  must(trace(PTRACE_ATTACH, tids[0], 0, 0));
  pass_stop(tids[0], SIGSTOP);
  say("TracerPid is the thread: %d", (int)status_number(tids[0], "\nTracerPid:") == gettid_());
  open_gate(&gates->ready);
  pass_gate(&gates->go);
  return NULL;
}

int main(void) {
  tids = shared_memory(4096);
  pid_t pid = start(threads);
  while (!((volatile int *)tids)[0]) sleep_ms(1);
  wait_asleep(pid);
  wait_state(tids[0], "S");
  struct idle_thread gates = { .ready = new_gate(), .go = new_gate() };
  pthread_t t;
  pthread_create(&t, NULL, attach, &gates);
  pass_gate(&gates.ready);
  line_of("the thread", tids[0], "State:");
  line_of("the leader", pid, "State:");
  line_of("the leader", pid, "TracerPid:");
  say("threads: %ld", status_number(pid, "\nThreads:"));
  open_gate(&gates.go);
  pthread_join(t, NULL);
  for (int i = 0; i < 1000 && status_number(tids[0], "\nTracerPid:"); i++) sleep_ms(1);
  pid_t tracer;
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    line_of("the leader", pid, "State:");
    say("tracer %s, parent %s", tracer_of(pid),
        relation((pid_t)status_number(pid, "\nPPid:"), getpid(), getppid(), pid));
    cont(pid, 0);
    wait_asleep(pid);
    line_of("running", pid, "State:");
    _exit(0);
  }
  wait_for(tracer);
  say("afterwards: tracer %ld", status_number(pid, "\nTracerPid:"));
  kill(pid, SIGKILL);
  say("the end: %s", reap(pid));
  return 0;
}
