/* A tracer changes what its stopped tracee will read, and a tracee sees it: memory is there before the resume. */
#include "trace.h"

static volatile long word = 1;
static volatile int signals;
static void count(int sig) {
  (void)sig;
  signals++;
}
static void loop(void) {
  on_signal(SIGUSR1, count);
  for (int i = 0; i < 3; i++) kill(getpid(), SIGUSR1);
  _exit((int)word * 10 + signals);
}

int main(void) {
  pid_t pid = start_traced(loop);
  for (int i = 0; i < 3; i++) {
    cont(pid, i == 1 ? SIGUSR1 : 0);
    pass_stop(pid, SIGUSR1);
    unsigned long value = 0;
    must(trace(PTRACE_PEEKDATA, pid, (unsigned long)&word, (unsigned long)&value));
    must(trace(PTRACE_POKEDATA, pid, (unsigned long)&word, value * 2));
  }
  cont(pid, SIGUSR1);
  next_stop("word 8, signals 2", pid);
  say("ours: %ld %d", word, signals);
  return 0;
}
