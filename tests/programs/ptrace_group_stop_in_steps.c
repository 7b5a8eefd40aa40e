/* A stop of two threads, one of which is traced: what counts as its part in it, and what the real parent hears, who is
 * another process than the tracer.
 */
// differs: PTRACE_SEIZE takes other arguments since 3.4
#include "trace.h"

/* What the parent has heard of its child, one line of SIGCHLD each. */
static struct shared {
  volatile pid_t child, thread;
  volatile int heard, code[16], status[16];
} *all;
static int told;
static void hears(const char *what) {
  char text[200];
  int n = snprintf(text, sizeof text, "%s: the parent hears", what);
  sleep_ms(30);
  if (told == all->heard) snprintf(text + n, sizeof text - (size_t)n, " nothing");
  for (; told < all->heard; told++) n += snprintf(text + n, sizeof text - (size_t)n, " %d/%d", all->code[told], all->status[told]);
  say("%s", text);
}
static int second(void *arg) {
  (void)arg;
  all->thread = gettid_();
  sleep_for_ever();
  return 0;
}
static void takes(int sig) { (void)sig; }
static void child(void) {
  on_signal(SIGUSR1, takes);
  start_thread(second, NULL);
  sleep_for_ever();
}
static void parent_of(void (*f)(void)) {
  block(SIGCHLD);
  all->child = start(f);
  sigset_t set = set_of(SIGCHLD, 0);
  for (;;) {
    siginfo_t info;
    if (sigtimedwait_(&set, &info, NULL) == -1) continue;
    all->code[all->heard] = info.si_code, all->status[all->heard] = info.si_status;
    all->heard++;
  }
}
static void parent(void) { parent_of(child); }
static pid_t begin(void) {
  memset(all, 0, sizeof *all), told = 0;
  pid_t pid = start(parent);
  while (!all->thread || !all->child) sleep_ms(1);
  wait_asleep(all->child), wait_asleep(all->thread);
  return pid;
}
static void end(pid_t pid) {
  kill(all->child, SIGKILL);
  while (waitpid(-1, NULL, __WALL | WNOHANG) > 0) continue;
  kill(pid, SIGKILL);
  while (waitpid(-1, NULL, __WALL) > 0) continue;
}
static void attach(pid_t tid) {
  must(trace(PTRACE_ATTACH, tid, 0, 0));
  pass_stop(tid, SIGSTOP);
}
static const char *siginfo_there(pid_t tid) {
  siginfo_t info;
  return trace(PTRACE_GETSIGINFO, tid, 0, (unsigned long)&info) == -1 ? errname(errno) : signame(info.si_signo);
}

/* A stop of a traced thread for another reason leaves its part in the group's stop to be done. */
static void by_a_signal_stop(void) {
  say("in a stop by a signal");
  pid_t pid = begin(), leader = all->child, thread = all->thread;
  attach(thread);
  tgkill_(leader, leader, SIGSTOP);
  wait_state(leader, "T");
  say("  it stays there: %c, %s", state_of(thread), siginfo_there(thread));
  hears("  the other one has stopped");
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  then", thread);
  hears("  and so");
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  tgkill_(leader, thread, SIGUSR1);
  next_stop("  a signal", thread);
  tgkill_(leader, thread, SIGSTOP), cont(thread, 0);
  next_stop("  another stop signal", thread);
  cont(thread, SIGSTOP);
  next_stop("  given to it", thread);
  say("  the other one: %c", state_of(leader));
  hears("  and so");
  must(kill(leader, SIGCONT));
  hears("  SIGCONT");
  end(pid);
}

/* At the beginning and the end of a call neither. */
static void in_a_call(void) {
  say("in a call");
  pid_t pid = begin(), leader = all->child, thread = all->thread;
  attach(thread);
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  at its call", thread);
  tgkill_(leader, leader, SIGSTOP);
  wait_state(leader, "T");
  hears("  the other one has stopped");
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  the end of the call", thread);
  hears("  and so");
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  then", thread);
  hears("  and so");
  end(pid);
}

/* It has done its part, and begins another stop before the first one is complete, which the leader's vfork delays. */
static struct gate go;
static void child_in_vfork(void) {
  start_thread(second, NULL);
  if (!must(syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0))) {
    pass_gate(&go);
    _exit(0);
  }
  sleep_for_ever();
}
static void parent_of_vfork(void) { parent_of(child_in_vfork); }
static void begun_twice(void) {
  say("begun twice");
  go = new_gate();
  memset(all, 0, sizeof *all), told = 0;
  pid_t pid = start(parent_of_vfork);
  while (!all->thread || !all->child) sleep_ms(1);
  wait_state(all->child, "D"), wait_asleep(all->thread);
  pid_t leader = all->child, thread = all->thread;
  attach(thread);
  cont(thread, 0), wait_asleep(thread);
  tgkill_(leader, thread, SIGSTOP);
  next_stop("  a signal", thread);
  cont(thread, SIGSTOP);
  next_stop("  its part", thread);
  cont(thread, 0), wait_asleep(thread);
  tgkill_(leader, thread, SIGSTOP);
  next_stop("  a signal", thread);
  cont(thread, SIGSTOP);
  next_stop("  its part", thread);
  hears("  one is missing");
  open_gate(&go);
  wait_state(leader, "T");
  hears("  all stopped");
  cont(thread, 0);
  end(pid);
}

/* The leader is traced, too: its tracer hears of a continuation as the parent does. */
static volatile int heard;
static struct { int code, status, from_leader; } tracer_heard[16];
static void on_child(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  if (heard < 16) tracer_heard[heard].code = info->si_code, tracer_heard[heard].status = info->si_status, tracer_heard[heard++].from_leader = info->si_pid == all->child;
}
static void continued(void) {
  say("continued");
  pid_t pid = begin(), leader = all->child;
  attach(leader);
  cont(leader, SIGSTOP);
  next_stop("  the stop", leader);
  wait_state(all->thread, "T");
  hears("  all stopped");
  on_siginfo(SIGCHLD, on_child, SA_RESTART);
  heard = 0;
  must(kill(leader, SIGCONT));
  hears("  SIGCONT");
  for (int i = 0; i < heard; i++) say("  the tracer: %d/%d, of the leader %d", tracer_heard[i].code, tracer_heard[i].status, tracer_heard[i].from_leader);
  on_signal(SIGCHLD, SIG_DFL);
  end(pid);
}

/* One that listens traps again when a thread that is not begins another stop. */
static void listens(void) {
  say("listening");
  pid_t pid = begin(), leader = all->child, thread = all->thread;
  must(trace(PTRACE_SEIZE, leader, 0, SEIZE_DEVEL)), must(trace(PTRACE_SEIZE, thread, 0, SEIZE_DEVEL));
  tgkill_(leader, leader, SIGSTOP);
  next_stop("  the leader", leader);
  cont(leader, SIGSTOP);
  next_stop("  its part", leader), next_stop("  the other's part", thread);
  must(trace(PTRACE_LISTEN, thread, 0, 0));
  no_news("  it listens", thread);
  cont(leader, 0), wait_asleep(leader);
  tgkill_(leader, leader, SIGSTOP);
  next_stop("  the leader", leader);
  no_news("  it listens", thread);
  cont(leader, SIGSTOP);
  next_stop("  its part", leader), next_stop("  the other traps again", thread);
  end(pid);
}

/* The news of SIGCONT waits for a trap that tells it: the end of a call does not. */
static void news_in_a_call(void) {
  say("news in a call");
  pid_t pid = begin(), thread = all->thread;
  must(trace(PTRACE_SEIZE, thread, 0, SEIZE_DEVEL));
  must(trace(PTRACE_INTERRUPT, thread, 0, 0));
  next_stop("  interrupted", thread);
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  its call again", thread);
  must(kill(all->child, SIGCONT));
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  the end of the call", thread);
  must(trace(PTRACE_SYSCALL, thread, 0, 0));
  next_stop("  then", thread);
  end(pid);
}

/* Its tracer has ended and left it stepping, calls too: handlers begin without a stop for anybody. */
static volatile sig_atomic_t traps;
static void on_trap(int sig) {
  (void)sig;
  if (++traps == 3) _exit(7); /* else the call that ends the handler traps again, and so on */
}
static void left_stepping(void) {
  say("left stepping");
  struct gate ready = new_gate();
  pid_t pid, tracer;
  CHILD(pid) {
    on_signal(SIGTRAP, on_trap);
    open_gate(&ready);
    for (;;) continue;
  }
  pass_gate(&ready);
  CHILD(tracer) {
    attach(pid);
    must(trace(PTRACE_SINGLESTEP, pid, 0, 0));
    _exit(0);
  }
  wait_for(tracer);
  say("  %s", reap(pid));
}

int main(void) {
  all = shared_memory(sizeof *all);
  by_a_signal_stop(), in_a_call(), begun_twice(), continued(), listens(), news_in_a_call(), left_stepping();
  return 0;
}
