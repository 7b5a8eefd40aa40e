/* An exec by a thread of a traced process: the others end, the old leader without a word; then there is one with the
   leader's number, whose message is the number that it had. */
#include "trace.h"

static struct exec_threads *threads;
static int exec_it(void *arg) {
  threads->execs = gettid_();
  while (!threads->idles) sched_yield();
  syscall(SYS_tkill, threads->execs, SIGUSR1);
  return exec_when_told(arg);
}
static void begin(void) {
  start_thread(exec_it, threads);
  start_thread(idle_for_ever, threads);
  sleep_for_ever();
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 6;
  for (int exits = 0; exits < 2; exits++) {
    threads = shared_memory(sizeof *threads);
    threads->go = new_gate();
    open_gate(&threads->go);
    pid_t pid = start_traced(begin);
    unsigned long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | (exits ? PTRACE_O_TRACEEXIT : 0);
    must(trace(PTRACE_SETOPTIONS, pid, 0, options));
    say("%s", exits ? "with TRACEEXIT" : "without TRACEEXIT");
    int done = 0, dead_leader = 0;
    char of_leader[300] = "", of_exec[300] = "", of_idle[300] = "";
    cont(pid, 0);
    while (!done) {
      int status;
      pid_t who = (pid_t)must(waitpid(-1, &status, __WALL));
      char *line = who == pid ? of_leader : who == threads->execs ? of_exec : who == threads->idles ? of_idle : NULL;
      int event = WIFSTOPPED(status) ? status >> 16 : 0;
      if (line && event != PTRACE_EVENT_CLONE && !(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP)) {
        snprintf(line + strlen(line), 300 - strlen(line), " %s", trace_str(status));
        if (event == PTRACE_EVENT_EXIT) snprintf(line + strlen(line), 300 - strlen(line), " (%#lx)", message(who));
        snprintf(line + strlen(line), 300 - strlen(line), ";");
      }
      if (event == PTRACE_EVENT_EXEC) say("message: the number of the thread that did it: %d", (pid_t)message(who) == threads->execs);
      if (who == pid && !WIFSTOPPED(status)) done = 1;
      else if (WIFSTOPPED(status)) cont(who, 0);
      else if (who == pid) dead_leader = 1;
    }
    say("under the leader's number:%s", of_leader);
    say("under that of the one that execs:%s", of_exec);
    say("the third one:%s", of_idle);
    say("the old leader's end was told: %d; the old number is %s", dead_leader,
        kill(threads->execs, 0) == -1 ? errname(errno) : "there");
  }
  return 0;
}
