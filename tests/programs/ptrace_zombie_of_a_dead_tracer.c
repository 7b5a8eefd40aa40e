/* A tracer ends without having waited for a dead tracee: the real parent hears of it then; if the tracer was a thread of a
   parent that ignores its children, nobody has to, and it is gone. */
#include "trace.h"

static volatile sig_atomic_t chld, code;
static volatile pid_t from;
static void take(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  chld++;
  code = info->si_code;
  from = info->si_pid;
}
static pid_t pid;
static struct gate dead;
static void *trace_it(void *arg) {
  (void)arg;
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  open_gate(&dead);
  return NULL;
}

int main(void) {
  on_siginfo(SIGCHLD, take, SA_RESTART);
  pid = start(sleep_for_ever);
  struct gate go = new_gate();
  dead = new_gate();
  pid_t tracer = (pid_t)must(clone_fork(0)); /* its own end is silent */
  if (tracer == 0) {
    trace_it(NULL);
    pass_gate(&go);
    _exit(0);
  }
  pass_gate(&dead);
  say("a zombie: SIGCHLD %d", chld);
  open_gate(&go);
  must(waitpid(tracer, NULL, __WALL));
  say("the tracer has ended: SIGCHLD %d, code %d, from the tracee: %d", chld, code, from == pid);
  say("its end: %s", reap(pid));

  signal(SIGCHLD, SIG_IGN);
  pid = start(sleep_for_ever);
  pthread_t t;
  pthread_create(&t, NULL, trace_it, NULL);
  pthread_join(t, NULL);
  for (int i = 0; i < 500 && state_of(pid) != '-'; i++) sleep_ms(1);
  say("a parent that ignores its children: it is %c", state_of(pid));
  show("wait", waitpid(pid, NULL, WNOHANG));
  return 0;
}
