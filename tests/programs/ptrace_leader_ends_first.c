/* A traced leader that ends before its threads is a zombie at once, but not to be waited for before it is alone. */
// differs: a process ends with its leader's status in 3.2; later with that of its last thread
#include "trace.h"

static int *tids;
static struct gate go;
static int idle(void *arg) {
  (void)arg;
  tids[0] = gettid_();
  pass_gate(&go);
  return 5;
}
static void leader(void) {
  start_thread(idle, NULL);
  syscall(SYS_exit, 4);
}
static volatile sig_atomic_t chld, chld_status;
static void take(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  chld++;
  chld_status = info->si_status;
}

int main(void) {
  go = new_gate();
  tids = shared_memory(4096);
  on_siginfo(SIGCHLD, take, SA_RESTART);
  pid_t pid = start_traced(leader);
  chld = 0;
  cont(pid, 0);
  wait_state(pid, "Z");
  for (int i = 0; i < 1000 && !chld; i++) sleep_ms(1);
  say("its tracer hears at once: %d, status %d", chld, chld_status);
  no_news("but cannot wait for it", pid);
  show_ok("nor ask", trace(PTRACE_CONT, pid, 0, 0));
  show_ok("its thread may be attached to", trace(PTRACE_ATTACH, tids[0], 0, 0));
  next_stop("the thread", tids[0]);
  chld = 0;
  cont(tids[0], 0);
  open_gate(&go);
  next_stop("the thread's end", tids[0]);
  next_stop("the leader's end", pid);
  return 0;
}
