/* trace.h: what the programs about ptrace(2) share, beside check.h. */
#ifndef TRACE_H
#define TRACE_H
#include "check.h"
#include <sys/ptrace.h>

#define SEIZE_DEVEL 0x80000000ul /* without this 3.2 refuses PTRACE_SEIZE */
#define EVENT_STOP_OF_3_2 7      /* PTRACE_EVENT_STOP; 128 later */

/* The call itself: a result of -1 is an error, and peeking stores its word at data. */
static inline long trace(long request, pid_t pid, unsigned long addr, unsigned long data) {
  return syscall(SYS_ptrace, request, (long)pid, addr, data);
}

static inline const char *signame(int sig) {
  static const char *const names[] = {
    "0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "IO", "PWR", "SYS",
  };
  static char number[4][16];
  static int next;
  if (sig >= 0 && sig < 32) return names[sig];
  char *text = number[next++ % 4];
  snprintf(text, 16, "signal %d", sig);
  return text;
}

/* A wait status in words, with signals by name and what a tracer is told beside them. */
static inline const char *trace_str(int status) {
  static const char *const events[] = { "", "FORK", "VFORK", "CLONE", "EXEC", "VFORK_DONE", "EXIT", "STOP" };
  static char text[4][64];
  static int next;
  char *t = text[next++ % 4];
  int event = status >> 16 & 0xff;
  if (WIFEXITED(status)) snprintf(t, 64, "exited %d", WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) snprintf(t, 64, "killed by %s", signame(WTERMSIG(status)));
  else if (WIFCONTINUED(status)) snprintf(t, 64, "continued");
  else if (event == 128) snprintf(t, 64, "stopped %s, event STOP (128)", signame(WSTOPSIG(status)));
  else if (event) snprintf(t, 64, "stopped %s, event %s", signame(WSTOPSIG(status)), event < 8 ? events[event] : "?");
  else if (WSTOPSIG(status) & 0x80) snprintf(t, 64, "stopped %s|0x80", signame(WSTOPSIG(status) & 0x7f));
  else snprintf(t, 64, "stopped %s", signame(WSTOPSIG(status)));
  return t;
}

/* Wait for any kind of child or tracee; returns the status. */
static inline int wait_trace(pid_t pid) {
  int status, r;
  while ((r = waitpid(pid, &status, __WALL)) == -1 && errno == EINTR) continue;
  must(r);
  return status;
}
/* "what: stopped USR1": the next news of a tracee. */
static inline int next_stop(const char *what, pid_t pid) {
  int status = wait_trace(pid);
  say("%s: %s", what, trace_str(status));
  return status;
}
/* "what: nothing yet", or the news that should not be there. */
static inline void no_news(const char *what, pid_t pid) {
  int status = 0, r = waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED | __WALL);
  say("%s: %s", what, r > 0 ? trace_str(status) : r == 0 ? "nothing yet" : errname(errno));
}
/* Wait for a stop that is only on the way to what a program is about. */
static inline void pass_stop(pid_t pid, int sig) {
  int status = wait_trace(pid);
  if (WIFSTOPPED(status) && WSTOPSIG(status) == sig) return;
  say("FAILED: %s in place of %s", trace_str(status), signame(sig));
  _exit(94);
}
static inline void cont(pid_t pid, int sig) { must(trace(PTRACE_CONT, pid, 0, (unsigned long)sig)); }

/* A child that its parent traces: it stops once, by SIGSTOP, before it does f(); the parent has seen that stop. */
static inline pid_t start_traced(void (*f)(void)) {
  pid_t pid;
  CHILD(pid) {
    must(trace(PTRACE_TRACEME, 0, 0, 0));
    must(kill(getpid(), SIGSTOP));
    f();
    _exit(0);
  }
  pass_stop(pid, SIGSTOP);
  return pid;
}
/* A child that nobody traces yet. */
static inline pid_t start(void (*f)(void)) {
  pid_t pid;
  CHILD(pid) {
    f();
    _exit(0);
  }
  return pid;
}
/* A thread of which only clone(2) knows. */
static inline pid_t start_thread(int (*f)(void *), void *arg) {
  enum { FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };
  return (pid_t)must(raw_clone(FLAGS, new_stack(), NULL, NULL, NULL, f, arg));
}
static inline void sleep_for_ever(void) {
  for (;;) pause();
}

/* A process whose leader sleeps: one of its threads sleeps too, another one execs when told to go, with an argument. */
struct exec_threads {
  volatile pid_t execs, idles;
  struct gate go;
};
static inline int exec_when_told(void *arg) {
  struct exec_threads *threads = arg;
  threads->execs = gettid_();
  pass_gate(&threads->go);
  execl("/proc/self/exe", "again", "x", (char *)NULL);
  return 1;
}
static inline int idle_for_ever(void *arg) {
  struct exec_threads *threads = arg;
  threads->idles = gettid_();
  sleep_for_ever();
  return 0;
}
/* All of them sleep when this returns; *threads is in shared_memory(). */
static inline pid_t start_exec_threads(struct exec_threads *threads) {
  *threads = (struct exec_threads){.go = new_gate()};
  pid_t pid;
  CHILD(pid) {
    start_thread(idle_for_ever, threads);
    start_thread(exec_when_told, threads);
    sleep_for_ever();
  }
  while (!threads->execs || !threads->idles) sleep_ms(1);
  wait_asleep(pid);
  wait_asleep(threads->execs);
  return pid;
}
/* Trace the one that sleeps, and let the other one exec: it waits until we have waited for the one we trace. */
static inline void hold_exec(struct exec_threads *threads) {
  must(trace(PTRACE_ATTACH, threads->idles, 0, 0));
  pass_stop(threads->idles, SIGSTOP);
  open_gate(&threads->go);
  wait_state(threads->idles, "Z");
  wait_state(threads->execs, "D");
}

static inline unsigned long message(pid_t pid) {
  unsigned long text = 0xdead;
  must(trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&text));
  return text;
}
/* "what: signo USR1 code -1 pid self": the siginfo of a tracee's stop, or why there is none. */
static inline void show_info(const char *what, pid_t pid) {
  siginfo_t info;
  memset(&info, 0xee, sizeof info);
  if (trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info) == -1) {
    say("%s: siginfo: %s", what, errname(errno));
    return;
  }
  const char *who = info.si_pid == pid ? "tracee" : relation(info.si_pid, getpid(), getppid(), -1);
  say("%s: siginfo: %s, code %#x, errno %d, from %s, uid %d", what, signame(info.si_signo), (unsigned)info.si_code,
      info.si_errno, who, (int)info.si_uid);
}

/* The number behind a name in /proc/PID/status. */
static inline long status_number(pid_t pid, const char *name) {
  char path[40], text[4096];
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return -1;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n < 0 ? 0 : n] = 0;
  char *at = strstr(text, name);
  return at ? atol(at + strlen(name)) : -1;
}
static inline const char *tracer_of(pid_t pid) {
  return relation((pid_t)status_number(pid, "\nTracerPid:"), getpid(), getppid(), pid);
}
#endif
