/* An exec by a thread of a traced process: the others end, the old leader without a word; then there is one with the
   leader's number, whose message is the number that it had. */
#include "trace.h"

static int *tids;
static int exec_it(void *arg) {
  (void)arg;
  tids[0] = gettid_();
  while (!((volatile int *)tids)[1]) sched_yield();
  syscall(SYS_tkill, tids[0], SIGUSR1);
  execl("/proc/self/exe", "again", "x", (char *)NULL);
  return 1;
}
static int idle(void *arg) {
  (void)arg;
  tids[1] = gettid_();
  sleep_for_ever();
  return 0;
}
static void threads(void) {
  start_thread(exec_it, NULL);
  start_thread(idle, NULL);
  sleep_for_ever();
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) return 6;
  for (int exits = 0; exits < 2; exits++) {
    tids = shared_memory(4096);
    pid_t pid = start_traced(threads);
    unsigned long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | (exits ? PTRACE_O_TRACEEXIT : 0);
    must(trace(PTRACE_SETOPTIONS, pid, 0, options));
    say("%s", exits ? "with TRACEEXIT" : "without TRACEEXIT");
    int done = 0, dead_leader = 0;
    char of_leader[300] = "", of_exec[300] = "", of_idle[300] = "";
    cont(pid, 0);
    while (!done) {
      int status;
      pid_t who = (pid_t)must(waitpid(-1, &status, __WALL));
      char *line = who == pid ? of_leader : who == tids[0] ? of_exec : who == tids[1] ? of_idle : NULL;
      int event = WIFSTOPPED(status) ? status >> 16 : 0;
      if (line && event != PTRACE_EVENT_CLONE && !(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP)) {
        snprintf(line + strlen(line), 300 - strlen(line), " %s", trace_str(status));
        if (event == PTRACE_EVENT_EXIT) snprintf(line + strlen(line), 300 - strlen(line), " (%#lx)", message(who));
        snprintf(line + strlen(line), 300 - strlen(line), ";");
      }
      if (event == PTRACE_EVENT_EXEC) say("message: the number of the thread that did it: %d", (pid_t)message(who) == tids[0]);
      if (who == pid && !WIFSTOPPED(status)) done = 1;
      else if (WIFSTOPPED(status)) cont(who, 0);
      else if (who == pid) dead_leader = 1;
    }
    say("under the leader's number:%s", of_leader);
    say("under that of the one that execs:%s", of_exec);
    say("the third one:%s", of_idle);
    say("the old leader's end was told: %d; the old number is %s", dead_leader,
        kill(tids[0], 0) == -1 ? errname(errno) : "there");
  }
  return 0;
}
