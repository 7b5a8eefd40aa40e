/* Numbers over PID namespaces: an event's message counts in the tracee's, a siginfo's sender as the receiver sees it, and
   the first process of a namespace may be traced and stopped from outside. */
// needs: root
// differs: later an event's message is the number that the tracer knows, and a stop leaves init protected
#include "trace.h"

static volatile int from = -1;
static void take(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  from = info->si_pid;
  say("[inside: %d, from %d]", sig, from);
}

int main(void) {
  struct gate go = new_gate();
  pid_t pid = (pid_t)must(clone_fork(CLONE_NEWPID | SIGCHLD));
  if (pid == 0) {
    on_siginfo(SIGUSR1, take, 0);
    on_siginfo(SIGUSR2, take, 0);
    pass_gate(&go);
    pid_t child = fork();
    if (child == 0) _exit(0);
    say("[inside: the child is %d]", child);
    wait_for(child);
    pause();
    pause();
    _exit(9);
  }
  wait_asleep(pid);
  show_ok("attach to the first process of a namespace", trace(PTRACE_ATTACH, pid, 0, 0));
  next_stop("it stops", pid);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK));
  cont(pid, 0);
  open_gate(&go);
  next_stop("a fork", pid);
  say("message %ld", message(pid));
  show_info("a fork", pid);
  siginfo_t info;
  must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
  say("from %d", info.si_pid);
  cont(pid, 0);
  wait_asleep(pid); /* it has said what it says */
  int status;
  pid_t child = (pid_t)must(waitpid(-1, &status, __WALL));
  say("the child: %s, another number: %d", trace_str(status), child > 2);
  cont(child, 0);
  next_stop("its end", child);
  next_stop("its parent", pid);
  must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
  say("from %d", info.si_pid);
  cont(pid, 0);
  wait_asleep(pid);
  kill(pid, SIGUSR1);
  next_stop("a signal from outside", pid);
  must(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info));
  say("from %d", info.si_pid);
  cont(pid, SIGUSR2);
  wait_asleep(pid);
  kill(pid, SIGTERM);
  next_stop("what kills others is shown", pid);
  cont(pid, SIGTERM);
  wait_asleep(pid);
  say("but kills nobody: %c", state_of(pid));
  kill(pid, SIGUSR1);
  pass_stop(pid, SIGUSR1);
  show_ok("a stop signal", trace(PTRACE_CONT, pid, 0, SIGSTOP));
  next_stop("stops it", pid);
  show_info("stops it", pid);
  cont(pid, 0);
  wait_asleep(pid);
  kill(pid, SIGTERM);
  pass_stop(pid, SIGTERM);
  cont(pid, SIGTERM);
  next_stop("a process that has been stopped is protected no more", pid);
  return 0;
}
