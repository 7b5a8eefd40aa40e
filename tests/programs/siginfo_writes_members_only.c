/* Of a siginfo_t those bytes are written that its code gives a meaning to, and all 128 if the code is negative:
 * in signal frames, by sigtimedwait() and by waitid(); so that its end may lie where nothing is mapped.
 */
#include "check.h"
#include <setjmp.h>
// differs: since 4.20 all of a siginfo_t is written, and what has no meaning is 0

enum { UNTOUCHED = 0xa5, PAGE = 4096 };
union room { siginfo_t info; unsigned char bytes[128]; };

static void show_written(const char *what, const unsigned char *bytes) {
  char text[256], *p = text;
  for (int at = 0, end; at < 128; at = end) {
    for (end = at + 1; end < 128 && (bytes[end] == UNTOUCHED) == (bytes[at] == UNTOUCHED);) end++;
    if (bytes[at] != UNTOUCHED) p += sprintf(p, " %d-%d", at, end - 1);
  }
  say("%s:%s", what, text);
}

static void take(const char *what, int sig) {
  union room room;
  sigset_t set = set_of(sig, 0);
  memset(&room, UNTOUCHED, sizeof room);
  if (sigtimedwait_(&set, &room.info, NULL) != sig) say("%s: %s", what, errname(errno));
  show_written(what, room.bytes);
}

static unsigned char *stack;
static const char *now;
static sigjmp_buf back;
static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)context;
  show_written(now, (unsigned char *)info);
}
static void leaves(int sig, siginfo_t *info, void *context) {
  handler(sig, info, context);
  siglongjmp(back, 1);
}
static void expect(const char *what) {
  now = what;
  memset(stack, UNTOUCHED, 4 * PAGE);
}

static void start_timer(int sig) {
  timer_t id;
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig, .sigev_value = { .sival_int = 7 } };
  struct itimerspec soon = { .it_value = { 0, 1000 } };
  must(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
  must(syscall(SYS_timer_settime, id, 0, &soon, NULL));
}

static void send(int sig, int how) {
  if (how == 0) must(kill(getpid(), sig));
  if (how == 1) must(tgkill_(getpid(), getpid(), sig));
  if (how == 2) must(sigqueue(getpid(), sig, (union sigval){ .sival_int = 7 }));
  if (how == 3) start_timer(sig);
}
static const char *const hows[] = { "kill", "tgkill", "sigqueue", "a timer" };

int main(void) {
  sigset_t all = set_of(SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE, RT(0), 0);
  must(sigprocmask(SIG_BLOCK, &all, NULL));
  for (int how = 0; how < 4; how++) {
    send(RT(0), how);
    take(hows[how], RT(0));
  }
  struct itimerval soon = { .it_value = { 0, 1 } };
  must(setitimer(ITIMER_REAL, &soon, NULL));
  take("an alarm", SIGALRM);
  pid_t child;
  CHILD(child) _exit(3);
  take("a child", SIGCHLD);
  union room room;
  memset(&room, UNTOUCHED, sizeof room);
  must(waitid(P_PID, (id_t)child, &room.info, WEXITED));
  show_written("waitid", room.bytes);

  must(sigprocmask(SIG_UNBLOCK, &all, NULL));
  stack = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = 4 * PAGE }, NULL));
  on_siginfo(SIGUSR1, handler, SA_ONSTACK);
  on_siginfo(SIGCHLD, handler, SA_ONSTACK);
  on_siginfo(SIGSEGV, leaves, SA_ONSTACK);
  for (int how = 0; how < 3; how++) {
    expect(hows[how]);
    send(SIGUSR1, how);
  }
  expect("a child");
  CHILD(child) _exit(3);
  reap(child);
  expect("a fault");
  if (!sigsetjmp(back, 1)) *(volatile int *)64 = 1;

  unsigned char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(munmap(two + PAGE, PAGE));
  must(sigprocmask(SIG_BLOCK, &all, NULL));
  struct timespec none = { 0, 0 };
  static const int ends[] = { 128, 48, 24, 20 };
  for (int i = 0; i < 4; i++) {
    for (int how = 0; how < 2; how++) {
      send(RT(0), how);
      say("%s, %d bytes: %ld", hows[how], ends[i], syscall(SYS_rt_sigtimedwait, &all, two + PAGE - ends[i], &none, 8) == RT(0) ? 0L : (long)-errno);
    }
  }
  return 0;
}
