/* Threads are traced one by one: CLONE events name them, each stops and resumes alone, and a signal for the process is shown
   by whoever takes it. */
#include "trace.h"

static struct gate go;
static int work(void *arg) {
  pass_gate(&go);
  kill(getpid(), SIGWINCH);
  return (int)(long)arg;
}
static void threads(void) {
  for (long i = 1; i < 4; i++) start_thread(work, (void *)i);
  for (;;) sleep_ms(5);
}

int main(void) {
  go = new_gate();
  pid_t pid = start_traced(threads), tid[4];
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
  for (int i = 1; i < 4; i++) {
    cont(pid, 0);
    next_stop("a thread is made", pid);
    tid[i] = (pid_t)message(pid);
    next_stop("the thread", tid[i]);
    show_info("the thread", tid[i]);
  }
  for (int i = 1; i < 4; i++) {
    say("states: leader %c, thread %c", state_of(pid), state_of(tid[i]));
    cont(tid[i], 0);
    open_gate(&go);
    next_stop("it sends a signal and takes it, as the leader has stopped", tid[i]);
    cont(tid[i], 0);
    next_stop("its end", tid[i]);
  }
  say("threads: %ld", status_number(pid, "\nThreads:"));
  kill(pid, SIGKILL);
  next_stop("the end", pid);
  return 0;
}
