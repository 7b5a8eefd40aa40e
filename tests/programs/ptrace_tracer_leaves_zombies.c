/* What becomes of dead tracees when their tracer ends: threads go, leaders are their parents' again, unless those take
 * no interest; one whose threads live on is nobody's yet. And DETACH leaves no flag of system calls behind.
 */
// differs: 3.2's tracers see system calls in another order, and cx reads otherwise
// needs: glibc
#include "trace.h"

static int waits_for(void *arg) {
  while (!*(volatile int *)arg) sleep_ms(1);
  return 0;
}
static volatile int *flags;
static volatile pid_t *shared;
static volatile int heard;
static void on_chld(int sig) { (void)sig, heard++; }
static void listen_for(unsigned long sa_flags, void (*handler)(int)) {
  struct sigaction sa = {.sa_handler = handler, .sa_flags = (int)sa_flags};
  must(sigaction(SIGCHLD, &sa, NULL));
  heard = 0;
}
/* Another process traces pid until flag n is set, and ends without having waited. */
static pid_t tracer_of_another(pid_t pid, int n) {
  pid_t tracer;
  CHILD(tracer) {
    signal(SIGCHLD, SIG_DFL);
    must(trace(PTRACE_ATTACH, pid, 0, 0)), pass_stop(pid, SIGSTOP), cont(pid, 0);
    flags[n + 1] = 1;
    waits_for((void *)(flags + n));
    _exit(0);
  }
  waits_for((void *)(flags + n + 1));
  return tracer;
}

static void a_thread(void) {
  memset((void *)flags, 0, 64);
  pid_t pid;
  CHILD(pid) {
    shared[0] = start_thread(waits_for, (void *)(flags + 8));
    for (;;) pause();
  }
  sleep_ms(5);
  pid_t tid = shared[0], tracer = tracer_of_another(tid, 0);
  flags[8] = 1, sleep_ms(5);
  char path[60];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
  show("a dead thread that is traced", access(path, F_OK));
  flags[0] = 1, say("its tracer: %s", reap(tracer)), sleep_ms(5);
  show("then", access(path, F_OK));
  must(kill(pid, SIGKILL)), say("the process: %s", reap(pid));
}

static void leader(const char *what, unsigned long sa_flags, void (*handler)(int), int with_thread) {
  memset((void *)flags, 0, 64);
  say("%s", what);
  pid_t pid;
  CHILD(pid) {
    signal(SIGCHLD, SIG_DFL);
    if (with_thread) start_thread(waits_for, (void *)(flags + 9));
    waits_for((void *)(flags + 8));
    syscall(SYS_exit, 3);
  }
  sleep_ms(5);
  pid_t tracer = tracer_of_another(pid, 0);
  listen_for(sa_flags, handler);
  flags[8] = 1, sleep_ms(5);
  say("  heard %d, state %c", heard, state_of(pid));
  flags[0] = 1, sleep_ms(5);
  say("  heard %d, state %c", heard, state_of(pid));
  if (with_thread) flags[9] = 1, sleep_ms(5), say("  heard %d, state %c", heard, state_of(pid));
  int status = 0, r = waitpid(pid, &status, 0);
  say("  %s", r == pid ? wait_str(status) : errname(errno));
  while (waitpid(tracer, NULL, 0) == -1 && errno == EINTR) continue;
}

/* The tracer is another thread of the parent. */
static pid_t child;
static int traces_and_ends(void *arg) {
  (void)arg;
  must(trace(PTRACE_ATTACH, child, 0, 0)), wait_trace(child), cont(child, 0);
  flags[1] = 1;
  waits_for((void *)(flags + 0));
  return 0;
}
static int ends_it_later(void *arg) {
  (void)arg;
  sleep_ms(5), flags[8] = 1, sleep_ms(5), flags[0] = 1;
  return 0;
}
static void own_thread(const char *what, unsigned long sa_flags, void (*handler)(int)) {
  pid_t parent;
  memset((void *)flags, 0, 64);
  CHILD(parent) {
    signal(SIGCHLD, SIG_DFL);
    CHILD(child) waits_for((void *)(flags + 8)), _exit(4);
    start_thread(traces_and_ends, NULL), waits_for((void *)(flags + 1));
    listen_for(sa_flags, handler);
    start_thread(ends_it_later, NULL);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGCHLD), sigprocmask(SIG_BLOCK, &set, NULL);
    waits_for((void *)(flags + 0)), sleep_ms(5);
    int status = 0, r = waitpid(child, &status, __WNOTHREAD);
    say("%s: %s", what, r == child ? wait_str(status) : errname(errno));
    _exit(0);
  }
  say("the parent: %s", reap(parent));
}
/* And somebody sleeps in wait when it ends. */
static void own_thread_while_waiting(void) {
  pid_t parent;
  memset((void *)flags, 0, 64);
  CHILD(parent) {
    signal(SIGCHLD, SIG_DFL);
    CHILD(child) waits_for((void *)(flags + 8)), _exit(4);
    start_thread(traces_and_ends, NULL), waits_for((void *)(flags + 1));
    listen_for(SA_NOCLDWAIT, SIG_DFL);
    start_thread(ends_it_later, NULL);
    int status = 0, r = waitpid(child, &status, __WNOTHREAD);
    say("a sleeping waiter: %s", r == child ? wait_str(status) : errname(errno));
    _exit(0);
  }
  say("the parent: %s", reap(parent));
}

static long cx_after_a_call(void) {
  long cx, here;
  __asm__ volatile("syscall; 1: lea 1b(%%rip), %1" : "=c"(cx), "=r"(here) : "a"(SYS_getppid) : "r11", "memory");
  return cx == here ? 1 : cx;
}
static void calls(void) {
  for (int i = 0; i < 3; i++) flags[4 + i] = (int)cx_after_a_call(), raise(SIGSTOP);
  _exit(6);
}
static void flags_of_calls(void) {
  pid_t pid = start_traced(calls);
  must(trace(PTRACE_SYSCALL, pid, 0, 0)), pass_stop(pid, SIGTRAP), must(trace(PTRACE_SYSCALL, pid, 0, 0)), pass_stop(pid, SIGTRAP);
  must(trace(PTRACE_SYSCALL, pid, 0, 0)), wait_trace(pid);
  must(trace(PTRACE_DETACH, pid, 0, 0)), sleep_ms(5), must(kill(pid, SIGCONT)), sleep_ms(5);
  say("cx under its tracer %d, then %d", flags[4], flags[5]);
  must(kill(pid, SIGCONT)), sleep_ms(5), must(kill(pid, SIGCONT)), say("end: %s", reap(pid));
  pid = start_traced(calls);
  must(trace(31, pid, 0, 0)), pass_stop(pid, SIGTRAP);
  must(trace(PTRACE_DETACH, pid, 0, 0)), sleep_ms(5);
  say("after SYSEMU and DETACH: %c", state_of(pid));
  for (int i = 0; i < 3; i++) must(kill(pid, SIGCONT)), sleep_ms(5);
  say("state %c", state_of(pid)), must(kill(pid, SIGKILL)), say("end: %s", reap(pid));
}

int main(void) {
  flags = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared = (pid_t *)(flags + 100);
  a_thread();
  leader("a parent that listens", 0, on_chld, 0), leader("one that ignores", 0, SIG_IGN, 0), leader("one that does not wait", SA_NOCLDWAIT, on_chld, 0);
  leader("a leader with a thread", 0, on_chld, 1), leader("and a parent that ignores", 0, SIG_IGN, 1);
  listen_for(0, SIG_DFL);
  own_thread("own thread", 0, on_chld), own_thread("ignoring", 0, SIG_IGN), own_thread("not waiting", SA_NOCLDWAIT, on_chld);
  own_thread_while_waiting();
  flags_of_calls();
  return 0;
}
