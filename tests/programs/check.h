/* check.h: the few helpers the programs share.
 *
 * A program prints facts line by line, and only facts that are the same on every run: no times, no addresses, process
 * IDs only in relation to one another. The same binary runs on the host and inside, and the output must be the same.
 */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One line, one write(2): nothing is buffered, so nothing is written twice after fork(). */
static inline void say(const char *format, ...) {
  char line[1024];
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(line, sizeof line - 1, format, ap);
  va_end(ap);
  if (n > (int)sizeof line - 2) n = sizeof line - 2;
  line[n++] = '\n';
  if (write(1, line, (size_t)n) != n) _exit(98);
}

static inline const char *errname(int e) {
  static const struct { int e; const char *name; } names[] = {
#define N(x) { x, #x }
    N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC), N(EBADF), N(ECHILD), N(EAGAIN),
    N(ENOMEM), N(EACCES), N(EFAULT), N(ENOTBLK), N(EBUSY), N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR),
    N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY), N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS), N(EMLINK),
    N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK), N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS), N(ENOTEMPTY), N(ELOOP),
    N(ETIMEDOUT), N(ELIBBAD), N(EOVERFLOW), N(EOPNOTSUPP), N(ECANCELED), N(ENOTSOCK), N(ENODATA), N(ENOMSG), N(EIDRM),
#undef N
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].e == e) return names[i].name;
  static char number[24];
  snprintf(number, sizeof number, "errno %d", e);
  return number;
}

/* "what: 3", or "what: EINVAL" when the call failed. Keeps errno. */
static inline long show(const char *what, long result) {
  int e = errno;
  if (result == -1) say("%s: %s", what, errname(e));
  else say("%s: %ld", what, result);
  errno = e;
  return result;
}

/* As show(), for calls whose good results differ from run to run: "what: ok" or the error's name. */
static inline long show_ok(const char *what, long result) {
  int e = errno;
  say("%s: %s", what, result == -1 ? errname(e) : "ok");
  errno = e;
  return result;
}

static inline long must_(long result, const char *expr, int line) {
  if (result == -1) {
    say("FAILED at line %d: %s: %s", line, expr, errname(errno));
    _exit(99);
  }
  return result;
}
#define must(expr) must_((long)(expr), #expr, __LINE__)

#define CHILD(pid) if (((pid) = (pid_t)must(fork())) == 0)

/* A wait status in words. The core bit depends on the host's core_pattern, so only core_bit.c looks at it. */
static inline const char *wait_str(int status) {
  static char text[4][40];
  static int next;
  char *t = text[next++ % 4];
  if (WIFEXITED(status)) snprintf(t, 40, "exited %d", WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) snprintf(t, 40, "killed %d", WTERMSIG(status));
  else if (WIFSTOPPED(status)) snprintf(t, 40, "stopped %d", WSTOPSIG(status));
  else if (WIFCONTINUED(status)) snprintf(t, 40, "continued");
  else snprintf(t, 40, "status %x", (unsigned)status);
  return t;
}

static inline int wait_for(pid_t pid) {
  int status, r;
  while ((r = waitpid(pid, &status, 0)) == -1 && errno == EINTR) continue;
  must(r);
  return status;
}
/* Wait for the child and say how it ended. */
static inline const char *reap(pid_t pid) { return wait_str(wait_for(pid)); }

static inline void sleep_ms(long ms) {
  struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
  while (nanosleep(&t, &t) == -1 && errno == EINTR) continue;
}

/* The state letter in /proc/PID/stat, or '-' when there is no such task. */
static inline char state_of(pid_t pid) {
  char path[40], text[256];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return '-';
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return '-';
  text[n] = 0;
  char *end = strrchr(text, ')');
  return end && end[1] == ' ' ? end[2] : '?';
}

/* Wait until the task is in one of the given states. It must have been told to go there, and stay. */
static inline void wait_state(pid_t pid, const char *letters) {
  for (int i = 0; i < 5000; i++) {
    if (strchr(letters, state_of(pid))) return;
    sleep_ms(1);
  }
  say("FAILED: the task is %c and not one of %s", state_of(pid), letters);
  _exit(97);
}
static inline void wait_asleep(pid_t pid) { wait_state(pid, "S"); }

/* A gate holds a process up until another one opens it. */
struct gate { int fd[2]; };
static inline struct gate new_gate(void) {
  struct gate g;
  must(pipe2(g.fd, O_CLOEXEC));
  return g;
}
static inline void open_gate(struct gate *g) { must(write(g->fd[1], "x", 1)); }
static inline void pass_gate(struct gate *g) {
  char c;
  ssize_t n;
  while ((n = read(g->fd[0], &c, 1)) == -1 && errno == EINTR) continue;
  if (n != 1) _exit(96);
}

static inline void on_signal_flags(int sig, void (*handler)(int), int flags) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = handler;
  sa.sa_flags = flags;
  must(sigaction(sig, &sa, NULL));
}
static inline void on_signal(int sig, void (*handler)(int)) { on_signal_flags(sig, handler, 0); }
static inline void on_siginfo(int sig, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler;
  sa.sa_flags = flags | SA_SIGINFO;
  must(sigaction(sig, &sa, NULL));
}
static inline sigset_t set_of(int first, ...) {
  sigset_t set;
  sigemptyset(&set);
  va_list ap;
  va_start(ap, first);
  for (int s = first; s; s = va_arg(ap, int)) sigaddset(&set, s);
  va_end(ap);
  return set;
}
static inline void block(int sig) {
  sigset_t set = set_of(sig, 0);
  must(sigprocmask(SIG_BLOCK, &set, NULL));
}
static inline void unblock(int sig) {
  sigset_t set = set_of(sig, 0);
  must(sigprocmask(SIG_UNBLOCK, &set, NULL));
}
static inline int is_pending(int sig) {
  sigset_t set;
  must(sigpending(&set));
  return sigismember(&set, sig);
}

/* The signals by the kernel's own numbering: libc keeps the first real-time signals for itself. */
#define RT(n) (40 + (n))

static inline pid_t gettid_(void) { return (pid_t)syscall(SYS_gettid); }

/* A thread that says its number and does nothing until it is let go. */
struct idle_thread { pthread_t t; pid_t tid; struct gate ready, go; };
static inline void *be_idle(void *arg) {
  struct idle_thread *idle = arg;
  idle->tid = gettid_();
  open_gate(&idle->ready);
  pass_gate(&idle->go);
  return NULL;
}
static inline void begin_idle(struct idle_thread *idle) {
  idle->ready = new_gate();
  idle->go = new_gate();
  pthread_create(&idle->t, NULL, be_idle, idle);
  pass_gate(&idle->ready);
}
static inline void end_idle(struct idle_thread *idle) {
  open_gate(&idle->go);
  pthread_join(idle->t, NULL);
}
static inline int tgkill_(pid_t tgid, pid_t tid, int sig) { return (int)syscall(SYS_tgkill, tgid, tid, sig); }
/* Without libc's translation of codes and its restart after EINTR. */
static inline int sigtimedwait_(const sigset_t *set, siginfo_t *info, const struct timespec *timeout) {
  return (int)syscall(SYS_rt_sigtimedwait, set, info, timeout, 8);
}
static inline long futex(int *word, int op, int value, const struct timespec *timeout) {
  return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}
enum { F_WAIT = 0, F_WAKE = 1, F_REQUEUE = 3, F_CMP_REQUEUE = 4, F_WAIT_BITSET = 9, F_WAKE_BITSET = 10, F_PRIVATE = 128 };

/* clone(2) itself; fn runs on the new stack and its result goes to exit(2), which ends the thread alone.
   Returns -errno. libc's own clone() refuses flags that it thinks it cannot support. */
long raw_clone(unsigned long flags, void *stack_top, int *ptid, int *ctid, void *tls, int (*fn)(void *), void *arg);
__asm__(".text\n"
        ".type raw_clone,@function\n"
        "raw_clone:\n"
        "  mov %rcx, %r10\n"
        "  mov 8(%rsp), %rax\n"
        "  and $-16, %rsi\n"
        "  sub $16, %rsi\n"
        "  mov %rax, (%rsi)\n"
        "  mov %r9, 8(%rsi)\n"
        "  mov $56, %eax\n"
        "  syscall\n"
        "  test %rax, %rax\n"
        "  jnz 1f\n"
        "  xor %ebp, %ebp\n"
        "  pop %rdi\n"
        "  pop %rax\n"
        "  call *%rax\n"
        "  mov %eax, %edi\n"
        "  mov $60, %eax\n"
        "  syscall\n"
        "  hlt\n"
        "1: ret\n"
        ".size raw_clone, .-raw_clone\n");
static inline void *new_stack(void) {
  char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) must(-1);
  return p + 65536;
}
/* A fork-like clone(2) on the caller's stack. Returns -1 and errno as libc would. */
static inline long clone_fork(unsigned long flags) { return syscall(SYS_clone, flags, 0, 0, 0, 0); }

/* Programs that signal everybody must not do so to a whole host: they run only as the first process of process 1. */
static inline void must_be_contained(void) {
  if (getppid() == 1 && getpid() < 100) return;
  say("not contained: run this through tests/oracle/host32 or Procession");
  _exit(95);
}

/* Go on in a child that leads a session of its own, so that groups and sessions do not depend on who started us. */
static inline void own_session(void) {
  pid_t pid = (pid_t)must(fork());
  if (pid == 0) {
    must(setsid());
    return;
  }
  int status = wait_for(pid);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Memory that stays shared after fork. */
static inline void *shared_memory(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) must(-1);
  return p;
}

/* Go to a directory that is empty, writable and this run's alone. */
static inline void go_to_scratch(void) {
  const char *dir = getenv("TMPDIR");
  must(chdir(dir ? dir : "/tmp"));
  char name[] = "scratch-XXXXXX";
  must(mkdtemp(name) ? 0 : -1);
  must(chdir(name));
  must(chmod(".", 0755));
  umask(022);
}
static inline void write_file(const char *path, const char *text, mode_t mode) {
  int fd = (int)must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) must(-1);
  must(fchmod(fd, mode));
  close(fd);
}

/* A user that nobody else has: limits per user are then this run's alone. Never printed. */
static inline uid_t fresh_uid(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return 100000 + (uid_t)((unsigned long)t.tv_nsec * 7919 % 400000000);
}

/* "is me", "is parent"...: a process ID in relation to known ones. */
static inline const char *relation(pid_t pid, pid_t self, pid_t parent, pid_t child) {
  if (pid == self) return "self";
  if (pid == parent) return "parent";
  if (pid == child) return "child";
  if (pid == 0) return "0";
  if (pid == 1) return "1";
  return "other";
}
#endif
