/* A tracer that reaps somebody else's child gets its usage, but it counts for the parent alone. */
#include "trace.h"

static void burn(void) {
  struct timespec t;
  do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  while (t.tv_nsec < 60000000 && !t.tv_sec);
}
static long used(int who) {
  struct rusage u;
  must(getrusage(who, &u));
  return u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000 + u.ru_stime.tv_sec * 1000 + u.ru_stime.tv_usec / 1000;
}

int main(void) {
  struct gate attached = new_gate(), go = new_gate();
  pid_t tracer, pid;
  CHILD(pid) {
    pass_gate(&go);
    burn();
    _exit(0);
  }
  CHILD(tracer) {
    must(trace(PTRACE_ATTACH, pid, 0, 0));
    pass_stop(pid, SIGSTOP);
    cont(pid, 0);
    open_gate(&attached);
    struct rusage u;
    int status;
    must(wait4(pid, &status, __WALL, &u));
    long ms = u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000 + u.ru_stime.tv_usec / 1000;
    say("the tracer: %s, usage told: %d, counted: %d", trace_str(status), ms >= 40, used(RUSAGE_CHILDREN) >= 40);
    _exit(0);
  }
  pass_gate(&attached);
  open_gate(&go);
  wait_for(tracer);
  say("the parent: before its wait %d", used(RUSAGE_CHILDREN) >= 40);
  wait_for(pid);
  say("the parent: after its wait %d", used(RUSAGE_CHILDREN) >= 40);
  return 0;
}
