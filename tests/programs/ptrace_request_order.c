/* A request to somebody whom one does not trace, or who has not stopped, is ESRCH, whatever else is wrong with it. */
// differs: PTRACE_KILL does nothing to one that runs in 3.2
#include "trace.h"

static void ask(const char *whom, pid_t pid) {
  char what[80];
  static const struct { const char *name; long request; unsigned long data; } asked[] = {
    { "CONT", PTRACE_CONT, 0 },           { "CONT with signal 65", PTRACE_CONT, 65 },
    { "DETACH with signal 65", PTRACE_DETACH, 65 }, { "an unknown request", 0x1234, 0 },
    { "SETOPTIONS", PTRACE_SETOPTIONS, 0 },       { "GETEVENTMSG to nowhere", PTRACE_GETEVENTMSG, 8 },
    { "PEEKDATA of nothing", PTRACE_PEEKDATA, 0 },
  };
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    snprintf(what, sizeof what, "%s: %s", whom, asked[i].name);
    show_ok(what, trace(asked[i].request, pid, 0, asked[i].data));
    if (!strcmp(asked[i].name, "CONT") && !strcmp(whom, "a stopped tracee")) pass_stop(pid, SIGSTOP);
  }
}
static void stop_twice(void) {
  kill(getpid(), SIGSTOP);
  sleep_for_ever();
}
static void *elsewhere(void *arg) {
  ask("from another thread of the tracer", *(pid_t *)arg);
  return NULL;
}

int main(void) {
  ask("nobody", 4000000);
  ask("oneself", getpid());
  pid_t child = start(sleep_for_ever);
  ask("a child", child);
  kill(child, SIGKILL);
  wait_for(child);

  pid_t pid = start_traced(stop_twice);
  pthread_t t;
  pthread_create(&t, NULL, elsewhere, &pid);
  pthread_join(t, NULL);
  ask("a stopped tracee", pid);
  cont(pid, 0);
  wait_asleep(pid);
  ask("a running tracee", pid);
  show_ok("a running tracee: KILL", trace(PTRACE_KILL, pid, 0, 0));
  say("it is %c", state_of(pid));
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  ask("a dead tracee", pid);
  show_ok("a dead tracee: KILL", trace(PTRACE_KILL, pid, 0, 0));
  say("its end: %s", trace_str(wait_trace(pid)));
  return 0;
}
