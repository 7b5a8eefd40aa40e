/* A thread that is detached while its process stops takes part in that stop: also while others have yet to join it, and
 * one that was made after it began, which then knows SIGSTOP as its signal.
 */
// differs: 3.2 has a SEIZE of its own
// needs: glibc
#include "trace.h"

static int sleeps(void *arg) {
  while (!arg) pause();
  return 0;
}
static volatile pid_t *shared;
static void two(void) {
  shared[0] = start_thread(sleeps, NULL);
  for (;;) pause();
}
static void makes_one(int sig) { (void)sig, shared[0] = start_thread(sleeps, NULL); }
static void later(void) {
  signal(SIGUSR1, makes_one);
  for (;;) pause();
}
static char letter(pid_t pid, pid_t tid) {
  char path[60], text[400];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
  int fd = (int)must(open(path, O_RDONLY));
  text[must(read(fd, text, sizeof text - 1))] = 0, close(fd);
  return strrchr(text, ')')[2];
}
static void show_letters(const char *what, pid_t pid) {
  sleep_ms(5);
  say("%s: leader %c, thread %c", what, letter(pid, pid), letter(pid, shared[0]));
}

static void others_have_yet_to_join(void) {
  pid_t pid = start_traced(two);
  cont(pid, 0), sleep_ms(5);
  pid_t tid = shared[0];
  must(trace(PTRACE_ATTACH, tid, 0, 0)), pass_stop(tid, SIGSTOP);
  must(kill(pid, SIGSTOP)), pass_stop(pid, SIGSTOP);
  cont(pid, SIGSTOP);
  next_stop("the leader's trap", pid);
  show_letters("traced", pid);
  must(trace(PTRACE_DETACH, pid, 0, 0));
  show_letters("the leader detached", pid);
  no_news("not complete", pid);
  cont(tid, 0);
  next_stop("the thread's trap", tid);
  no_news("complete", pid);
  must(trace(PTRACE_DETACH, tid, 0, 0));
  show_letters("the thread detached", pid);
  must(kill(pid, SIGCONT));
  show_letters("continued", pid);
  next_stop("kill", (must(kill(pid, SIGKILL)), pid));
}

static void made_after_it_began(void) {
  pid_t pid = start_traced(later);
  must(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
  cont(pid, 0), sleep_ms(5);
  must(kill(pid, SIGSTOP)), pass_stop(pid, SIGSTOP), cont(pid, SIGSTOP), pass_stop(pid, SIGSTOP);
  must(kill(pid, SIGUSR1)), cont(pid, 0), pass_stop(pid, SIGUSR1), cont(pid, SIGUSR1);
  next_stop("clone", pid);
  pid_t tid = (pid_t)message(pid);
  pass_stop(tid, SIGSTOP);
  shared[0] = tid;
  show_letters("traced", pid);
  must(trace(PTRACE_DETACH, tid, 0, 0));
  show_letters("the thread detached", pid);
  must(trace(0x4206, tid, 0, SEIZE_DEVEL));
  next_stop("seized", tid);
  show_info("its trap", tid);
  must(trace(PTRACE_DETACH, tid, 0, 0)), must(trace(PTRACE_DETACH, pid, 0, 0));
  show_letters("both detached", pid);
  next_stop("kill", (must(kill(pid, SIGKILL)), pid));
}

/* What an INTERRUPT has left behind goes with the tracer: the next one finds nothing of it. */
static void leaves_nothing(void) {
  pid_t pid = start(sleep_for_ever);
  wait_asleep(pid);
  must(trace(0x4206, pid, 0, SEIZE_DEVEL)), must(trace(0x4207, pid, 0, 0)), pass_stop(pid, SIGTRAP);
  must(trace(0x4207, pid, 0, 0)), must(kill(pid, SIGCONT));
  must(trace(PTRACE_DETACH, pid, 0, 0)), must(trace(0x4206, pid, 0, SEIZE_DEVEL)), sleep_ms(5);
  next_stop("seized again", pid), show_info("its stop", pid);
  cont(pid, 0), sleep_ms(5), no_news("then", pid);
  must(trace(0x4207, pid, 0, 0)), next_stop("interrupted", pid);
  next_stop("kill", (must(kill(pid, SIGKILL)), pid));
}

/* A tracer that ends: its tracee runs though its process has stopped, and stops by itself then. */
static void runs_until_the_tracer_ends(void) {
  pid_t middle, pid = start(sleep_for_ever);
  wait_asleep(pid);
  CHILD(middle) {
    must(trace(PTRACE_ATTACH, pid, 0, 0)), pass_stop(pid, SIGSTOP), cont(pid, SIGSTOP), pass_stop(pid, SIGSTOP), cont(pid, 0);
    sleep_ms(5), say("under its tracer: %c", state_of(pid));
    _exit(0);
  }
  say("its end: %s", reap(middle)), sleep_ms(5);
  say("without: %c", state_of(pid));
  int status = 0;
  say("the parent hears: %d", waitpid(pid, &status, WNOHANG | WUNTRACED) == pid), say("%s", trace_str(status));
  must(kill(pid, SIGKILL)), next_stop("kill", pid);
}

/* A continuation is told to the tracer, too, where that is not the parent's process. */
static void told_of_a_continuation(void) {
  pid_t middle, pid = start(sleep_for_ever);
  wait_asleep(pid);
  CHILD(middle) {
    must(trace(PTRACE_ATTACH, pid, 0, 0)), pass_stop(pid, SIGSTOP), cont(pid, SIGSTOP), pass_stop(pid, SIGSTOP), cont(pid, 0);
    sleep_ms(5);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGCHLD), sigprocmask(SIG_BLOCK, &set, NULL);
    struct timespec none = {0, 0};
    siginfo_t info;
    while (sigtimedwait(&set, &info, &none) > 0) continue;
    must(kill(pid, SIGCONT)), sleep_ms(5);
    int r = sigtimedwait(&set, &info, &none);
    say("the tracer hears: %s code %d status %d of it %d", r > 0 ? signame(r) : "nothing", info.si_code, info.si_status, info.si_pid == pid);
    _exit(0);
  }
  say("the tracer: %s", reap(middle));
  must(kill(pid, SIGKILL)), next_stop("kill", pid);
}

/* One that cuts a stop short, which some thread has yet to join, is told as that stop. */
static void cut_short(void) {
  pid_t pid = start(two);
  sleep_ms(5);
  pid_t tid = shared[0];
  must(trace(PTRACE_ATTACH, tid, 0, 0)), pass_stop(tid, SIGSTOP);
  must(kill(pid, SIGSTOP)), show_letters("stopping", pid);
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGCHLD), sigprocmask(SIG_BLOCK, &set, NULL);
  struct timespec none = {0, 0};
  siginfo_t info;
  while (sigtimedwait(&set, &info, &none) > 0) continue;
  must(kill(pid, SIGCONT)), sleep_ms(5);
  int r = sigtimedwait(&set, &info, &none);
  say("told: %s code %d status %d of it %d", r > 0 ? signame(r) : "nothing", info.si_code, info.si_status, info.si_pid == pid);
  no_news("to wait for", pid), show_letters("then", pid);
  must(trace(PTRACE_DETACH, tid, 0, 0)), must(kill(pid, SIGKILL)), next_stop("kill", pid);
}

/* One that listens is told of a stop that another thread begins. */
static void a_listener_is_told(void) {
  pid_t pid = start(two);
  sleep_ms(5);
  pid_t tid = shared[0];
  must(trace(0x4206, tid, 0, SEIZE_DEVEL)), must(trace(0x4207, tid, 0, 0)), next_stop("interrupted", tid);
  must(trace(0x4208, tid, 0, 0)), no_news("it listens", tid);
  must(kill(pid, SIGSTOP)), show_letters("stopping", pid);
  next_stop("it is told", tid), sleep_ms(5), no_news("so is the parent", pid);
  must(trace(PTRACE_DETACH, tid, 0, 0)), show_letters("detached", pid);
  must(kill(pid, SIGKILL)), next_stop("kill", pid);
}

static int calls(void *arg) {
  while (!arg) getppid(), sleep_ms(1);
  return 0;
}
static void one_that_calls(void) { calls(NULL); }
static void two_of_which_one_calls(void) {
  shared[0] = start_thread(calls, NULL);
  for (;;) pause();
}
/* The stop of a system call is not a thread's part in the stop of its process. */
static void other_stops_are_no_part_of_it(void) {
  pid_t pid = start(two_of_which_one_calls);
  sleep_ms(5);
  pid_t tid = shared[0];
  must(trace(PTRACE_ATTACH, tid, 0, 0)), pass_stop(tid, SIGSTOP);
  must(trace(PTRACE_SYSCALL, tid, 0, 0)), next_stop("a call", tid);
  must(kill(pid, SIGSTOP)), show_letters("stopping", pid);
  must(trace(PTRACE_SYSCALL, tid, 0, 0)), next_stop("its other end", tid);
  sleep_ms(5);
  int status, r = waitpid(pid, &status, WNOHANG | WUNTRACED);
  say("the parent: %s", r == pid ? wait_str(status) : "nothing yet");
  must(trace(PTRACE_SYSCALL, tid, 0, 0)), next_stop("the thread's trap", tid);
  sleep_ms(5), r = waitpid(pid, &status, WNOHANG | WUNTRACED);
  say("the parent: %s", r == pid ? wait_str(status) : "nothing yet");
  must(trace(PTRACE_DETACH, tid, 0, 0)), must(kill(pid, SIGKILL)), next_stop("kill", pid);
}

/* News of a continuation wait through the stops of a system call. */
static void news_wait(void) {
  pid_t pid = start(one_that_calls);
  sleep_ms(5);
  must(trace(0x4206, pid, 0, SEIZE_DEVEL)), must(trace(0x4207, pid, 0, 0)), next_stop("interrupted", pid);
  must(trace(PTRACE_SYSCALL, pid, 0, 0)), next_stop("a call", pid);
  must(kill(pid, SIGCONT));
  must(trace(PTRACE_SYSCALL, pid, 0, 0)), next_stop("its other end", pid);
  cont(pid, 0), next_stop("the news", pid), cont(pid, 0), next_stop("the signal", pid);
  must(kill(pid, SIGKILL)), next_stop("kill", pid);
}

int main(void) {
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  others_have_yet_to_join(), made_after_it_began(), leaves_nothing(), runs_until_the_tracer_ends(), told_of_a_continuation(), cut_short(), a_listener_is_told(), other_stops_are_no_part_of_it(), news_wait();
  return 0;
}
