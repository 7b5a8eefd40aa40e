/* Any wait tells a tracer of a stop, with WUNTRACED or without; waitid(2) says CLD_TRAPPED and the whole code, and
   WNOWAIT leaves the news where they are. Told once, the stop stays a stop. */
#include "trace.h"

static void three_signals(void) {
  for (int i = 0; i < 5; i++) kill(getpid(), SIGUSR1);
}
static void wait_id(const char *what, pid_t pid, int options) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  long r = syscall(SYS_waitid, P_PID, pid, &info, options, NULL);
  if (r == -1) say("%s: %s", what, errname(errno));
  else if (!info.si_pid) say("%s: nothing", what);
  else say("%s: signo %s code %d status %#x pid %s", what, signame(info.si_signo), info.si_code, info.si_status,
           info.si_pid == pid ? "tracee" : "?");
}

int main(void) {
  pid_t pid = start_traced(three_signals);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
  int status;
  cont(pid, 0);
  wait_id("WEXITED alone", pid, WEXITED);
  wait_id("it is told once", pid, WEXITED | WSTOPPED | WNOHANG);
  say("a stop is still a stop: %c", state_of(pid));
  show_info("requests work", pid);
  cont(pid, 0);
  wait_id("WCONTINUED alone", pid, WCONTINUED);
  cont(pid, 0);
  wait_id("WNOWAIT", pid, WSTOPPED | WNOWAIT);
  wait_id("WNOWAIT again", pid, WEXITED | WNOWAIT);
  must(waitpid(pid, &status, 0));
  say("wait4 takes it: %s", trace_str(status));
  wait_id("nothing is left", pid, WSTOPPED | WEXITED | WNOWAIT | WNOHANG);
  cont(pid, 0);
  must(waitpid(-1, &status, 0));
  say("wait for any: %s", trace_str(status));
  cont(pid, 0);
  must(waitpid(0, &status, WUNTRACED));
  say("wait for the group: %s", trace_str(status));
  cont(pid, 0);
  wait_id("an event", pid, WSTOPPED);
  cont(pid, 0);
  wait_id("its end", pid, WEXITED);
  return 0;
}
