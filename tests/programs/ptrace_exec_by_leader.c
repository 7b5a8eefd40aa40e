/* An exec by the leader of a process all of whose threads are traced: the others end, by nothing that they did, and the
   leader's exec goes on when they have been waited for. Options stay over an exec. */
#include "trace.h"

static int idle(void *arg) {
  (void)arg;
  sleep_for_ever();
  return 0;
}
static void threads(void) {
  for (int i = 0; i < 2; i++) start_thread(idle, NULL);
  execl("/proc/self/exe", "again", "x", (char *)NULL);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    wait_for(pid);
    return 6;
  }
  pid_t pid = start_traced(threads), tid[2];
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK));
  for (int i = 0; i < 2; i++) {
    cont(pid, 0);
    pass_stop(pid, SIGTRAP);
    tid[i] = (pid_t)message(pid);
    next_stop("a thread", tid[i]);
    if (i == 0) cont(tid[i], 0);
  }
  cont(pid, 0);
  next_stop("the one that runs", tid[0]);
  next_stop("the one that has stopped", tid[1]);
  next_stop("the leader", pid);
  say("message is its own number: %d, threads %ld", (pid_t)message(pid) == pid, status_number(pid, "\nThreads:"));
  cont(pid, 0);
  next_stop("options stay", pid);
  pid_t child = (pid_t)message(pid);
  pass_stop(child, SIGSTOP);
  must(trace(PTRACE_DETACH, child, 0, 0));
  cont(pid, 0);
  next_stop("then", pid);
  cont(pid, 0);
  next_stop("the end", pid);
  return 0;
}
