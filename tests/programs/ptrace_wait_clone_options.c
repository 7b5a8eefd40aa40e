/* Of a traced thread only a wait with __WALL or __WCLONE tells; __WNOTHREAD looks at one's own thread's tracees. */
// differs: in 3.2 a traced thread is a "clone" child; later each wait of its tracer finds it
#include "trace.h"

static int *tid;
static int in_thread(void *arg) {
  (void)arg;
  *tid = gettid_();
  sleep_for_ever();
  return 0;
}
static void with_thread(void) {
  start_thread(in_thread, NULL);
  sleep_for_ever();
}
static void wait_with(const char *what, pid_t pid, int options) {
  int status = 0;
  int r = (int)syscall(SYS_wait4, pid, &status, options | WNOHANG, NULL);
  if (r == -1) say("%s: %s", what, errname(errno));
  else say("%s: %s", what, r == 0 ? "nothing" : trace_str(status));
}
static void *elsewhere(void *arg) {
  pid_t pid = *(pid_t *)arg;
  wait_with("another thread, __WNOTHREAD", pid, __WNOTHREAD | __WALL);
  wait_with("another thread", pid, __WALL);
  return NULL;
}

int main(void) {
  tid = shared_memory(4096);
  pid_t pid = start(with_thread);
  while (!*(volatile int *)tid) sleep_ms(1);
  wait_state(*tid, "S");
  must(trace(PTRACE_ATTACH, *tid, 0, 0));
  wait_state(*tid, "t");
  wait_with("a thread", *tid, 0);
  wait_with("a thread, WUNTRACED", *tid, WUNTRACED);
  wait_with("a thread, any child", -1, 0);
  wait_with("a thread, __WCLONE", *tid, __WCLONE);
  wait_with("told once, __WALL", *tid, __WALL);
  wait_with("the leader is not traced, __WCLONE", pid, __WCLONE);
  wait_with("the leader", pid, 0);
  kill(pid, SIGUSR1);
  wait_with("the leader's end waits for the thread's", pid, 0);
  wait_state(*tid, "Z");
  wait_with("the thread's end, without __WALL", *tid, 0);
  wait_with("the thread's end", *tid, __WALL);
  wait_state(pid, "Z");
  wait_with("the leader's end", pid, 0);

  pid = start_traced(sleep_for_ever);
  kill(pid, SIGUSR1);
  cont(pid, 0);
  wait_state(pid, "t");
  pthread_t t;
  pthread_create(&t, NULL, elsewhere, &pid);
  pthread_join(t, NULL);
  kill(pid, SIGKILL);
  say("its end: %s", trace_str(wait_trace(pid)));
  return 0;
}
