/* PTRACE_O_TRACEEXIT stops a tracee that is about to end, all there still; the message is its status to be. */
// differs: SIGKILL wakes one that stops at its end in 3.2; later nothing does but the tracer
#include "trace.h"

static volatile int here = 77;
static void leave(void) { _exit(42); }
static void fault(void) { *(volatile int *)8 = 0; }
static pid_t at_exit(const char *what, void (*f)(void), int sig) {
  pid_t pid = start_traced(f);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT));
  cont(pid, 0);
  if (f == fault) {
    pass_stop(pid, SIGSEGV);
    cont(pid, SIGSEGV);
  }
  if (sig) {
    wait_asleep(pid);
    kill(pid, sig);
    if (sig != SIGKILL) {
      pass_stop(pid, sig);
      cont(pid, sig);
    }
  }
  next_stop(what, pid);
  unsigned long core = 0x80;
  say("%s: message %#lx", what, message(pid) & ~core);
  return pid;
}

int main(void) {
  struct rlimit none = { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
  pid_t pid = at_exit("exit", leave, 0);
  unsigned long word = 0;
  must(trace(PTRACE_PEEKDATA, pid, (unsigned long)&here, (unsigned long)&word));
  say("memory: %d, state %c", (int)word, state_of(pid));
  show_info("exit", pid);
  show_ok("a signal is nothing to it", trace(PTRACE_CONT, pid, 0, SIGUSR1));
  next_stop("the end", pid);

  pid = at_exit("SIGTERM", sleep_for_ever, SIGTERM);
  cont(pid, 0);
  next_stop("the end", pid);
  pid = at_exit("SIGKILL", sleep_for_ever, SIGKILL);
  say("a killed one stops as well: %c", state_of(pid));
  cont(pid, 0);
  next_stop("the end", pid);
  pid = at_exit("a fault", fault, 0);
  cont(pid, 0);
  say("the end: %s", trace_str(wait_trace(pid) & ~0x80));

  pid = at_exit("detach", leave, 0);
  show_ok("detach", trace(PTRACE_DETACH, pid, 0, SIGUSR1));
  next_stop("the end", pid);
  pid = at_exit("SIGKILL in the stop of an exit", leave, 0);
  kill(pid, SIGKILL);
  next_stop("wakes it", pid);
  return 0;
}
