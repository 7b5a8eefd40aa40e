/* A child traced by another thread of its parent's process: the parent thread's own wait does not count it while it lives,
   with __WNOTHREAD; each thing is told once, and one wait reaps it. If its parent ignores children it is gone with the
   thread, which a wait hears that has begun. */
// differs: 3.2's parent thread does not wait for a child that another thread of its process traces
#include "trace.h"

static pid_t pid;
static struct gate attached, go;
static void *attach(void *arg) {
  (void)arg;
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  open_gate(&attached);
  pass_gate(&go);
  cont(pid, SIGSTOP);
  pass_stop(pid, SIGSTOP);
  open_gate(&attached);
  pass_gate(&go);
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  open_gate(&attached);
  pass_gate(&go);
  return NULL;
}
static void *attach_until_main_waits(void *arg) {
  (void)arg;
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  kill(pid, SIGKILL);
  wait_state(pid, "Z");
  open_gate(&attached);
  wait_asleep(getpid());
  return NULL;
}
static void look(const char *what, int options) {
  int status, r = waitpid(pid, &status, WNOHANG | options);
  say("%s: %s", what, r > 0 ? trace_str(status) : r == 0 ? "nothing" : errname(errno));
}

int main(void) {
  attached = new_gate();
  go = new_gate();
  pid = start(sleep_for_ever);
  wait_asleep(pid);
  pthread_t t;
  pthread_create(&t, NULL, attach, NULL);
  pass_gate(&attached);
  look("by the parent thread alone", __WNOTHREAD);
  look("by the process", 0);
  open_gate(&go);
  pass_gate(&attached);
  look("the stop of the process", WUNTRACED);
  look("by the parent thread alone", WUNTRACED | __WNOTHREAD);
  open_gate(&go);
  pass_gate(&attached);
  look("dead, by the parent thread alone", __WNOTHREAD);
  look("by the process", 0);
  look("again", 0);
  open_gate(&go);
  pthread_join(t, NULL);

  signal(SIGCHLD, SIG_IGN);
  pid = start(sleep_for_ever);
  pthread_create(&t, NULL, attach_until_main_waits, NULL);
  pass_gate(&attached);
  show("a wait that has begun", waitpid(pid, NULL, __WNOTHREAD));
  pthread_join(t, NULL);
  return 0;
}
