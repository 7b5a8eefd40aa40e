/* It is a thread that traces: its tracees are free when it ends, though its process lives on. */
#include "trace.h"

static pid_t pid;
static struct gate done;
static void *attach(void *arg) {
  (void)arg;
  must(trace(PTRACE_ATTACH, pid, 0, 0));
  pass_stop(pid, SIGSTOP);
  say("traced: %d", (int)status_number(pid, "\nTracerPid:") == gettid_());
  cont(pid, 0);
  kill(pid, SIGUSR1);
  pass_stop(pid, SIGUSR1);
  return NULL;
}

static void take(int sig) { say("[took %s]", signame(sig)); }
static void handle_and_sleep(void) {
  on_signal(SIGUSR1, take);
  open_gate(&done);
  sleep_for_ever();
}

int main(void) {
  done = new_gate();
  pid = start(handle_and_sleep);
  pass_gate(&done);
  wait_asleep(pid);
  pthread_t t;
  pthread_create(&t, NULL, attach, NULL);
  pthread_join(t, NULL);
  for (int i = 0; i < 1000 && status_number(pid, "\nTracerPid:"); i++) sleep_ms(1);
  wait_asleep(pid);
  say("the thread has ended: tracer %ld, state %c", status_number(pid, "\nTracerPid:"), state_of(pid));
  show_ok("the next thread may attach", trace(PTRACE_ATTACH, pid, 0, 0));
  next_stop("it stops", pid);
  kill(pid, SIGKILL);
  next_stop("the end", pid);
  return 0;
}
