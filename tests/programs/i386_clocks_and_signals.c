/* Times, timers, masks and queued signals of a 32-bit program, and calls of old that only i386 has. */
// needs: i386
// needs: root
// differs: stime takes a negative time
#include "check.h"

enum { TIME = 13, STIME = 25, NICE = 34, SIGACTION = 67, SIGSUSPEND = 72, SETTIMEOFDAY = 79, WAITID = 284, TIMER_CREATE = 259, TIMER_SETTIME, TIMER_GETTIME, TIMER_GETOVERRUN, TIMER_DELETE };
enum { CLOCK_SETTIME = 264, CLOCK_GETTIME, CLOCK_GETRES, CLOCK_NANOSLEEP, SETAFFINITY = 241, GETAFFINITY, RR_INTERVAL = 161, PROCESS_READV = 347, PROCESS_WRITEV, RT_SIGPENDING = 176, RT_SIGTIMEDWAIT = 177, RT_TGSIGQUEUEINFO = 335 };
static const long bad = 8;
static volatile int told, code, value;
static void tell(int sig, siginfo_t *info, void *context) { (void)sig, (void)context, told++, code = info->si_code, value = info->si_value.sival_int; }
static void plain(int sig) { told += sig; }

static void clocks(void) {
  int now[2] = { 0, 0 }, at[2] = { 1000000000, 5 }, got[2], zone[2] = { 60, 0 };
  pid_t pid;
  long seconds = syscall(TIME, NULL);
  show_ok("time", seconds), show("time, a bad place", syscall(TIME, bad));
  show("stime, a bad place", syscall(STIME, bad)), at[0] = -1, show("stime, a negative time", syscall(STIME, at)), must(syscall(78, got, NULL)), say("%d", got[0] == -1), must(syscall(STIME, &seconds)), say("back %d", syscall(TIME, now) - seconds < 3), say("stored %d", now[0] - seconds < 3), at[0] = 1000000000;
  CHILD(pid) {
    must(setuid(1000));
    show("stime", syscall(STIME, at)), show("settimeofday", syscall(SETTIMEOFDAY, at, NULL)), show("clock_settime", syscall(CLOCK_SETTIME, CLOCK_REALTIME, at)), show("nice down", syscall(NICE, -1)), show("nice up", syscall(NICE, 3)), show("nice up", syscall(NICE, 400)), show("its value", getpriority(PRIO_PROCESS, 0));
    _exit(0);
  }
  reap(pid);
  show("nice down", syscall(NICE, -7)), show("its value", getpriority(PRIO_PROCESS, 0)), show("nice up", syscall(NICE, 7)), show("its value", getpriority(PRIO_PROCESS, 0));
  show("settimeofday, a bad place", syscall(SETTIMEOFDAY, bad, NULL)), show("settimeofday, a bad zone", syscall(SETTIMEOFDAY, NULL, bad)), at[1] = 1000000000, show("settimeofday, a bad time", syscall(SETTIMEOFDAY, at, NULL)), (void)zone;
  show("clock_settime, a bad time", syscall(CLOCK_SETTIME, CLOCK_REALTIME, at)), show("clock_settime, a bad place", syscall(CLOCK_SETTIME, CLOCK_REALTIME, bad)), show("clock_settime, another clock", syscall(CLOCK_SETTIME, CLOCK_MONOTONIC, now));
  struct { int sec, nsec; } soon = { 0, 2000000 }, left = { 7, 7 };
  show("clock_nanosleep", syscall(CLOCK_NANOSLEEP, CLOCK_MONOTONIC, 0, &soon, &left)), say("%d %d", left.sec, left.nsec);
  must(syscall(CLOCK_GETTIME, CLOCK_MONOTONIC, got)), show("until what is over", syscall(CLOCK_NANOSLEEP, CLOCK_MONOTONIC, TIMER_ABSTIME, got, NULL)), show("a bad place", syscall(CLOCK_NANOSLEEP, CLOCK_MONOTONIC, 0, bad, NULL)), soon.nsec = -1, show("a bad time", syscall(CLOCK_NANOSLEEP, CLOCK_MONOTONIC, 0, &soon, NULL));
  on_signal(SIGALRM, plain), ualarm(5000, 0), soon.sec = 100, soon.nsec = 0, show("interrupted", syscall(CLOCK_NANOSLEEP, CLOCK_MONOTONIC, 0, &soon, &left)), say("%d told %d", left.sec, told), told = 0;
  ualarm(5000, 0), show("interrupted, the rest to a bad place", syscall(CLOCK_NANOSLEEP, CLOCK_MONOTONIC, 0, &soon, bad)), told = 0;
  struct sched_param fifo = { .sched_priority = 1 };
  CHILD(pid) {
    must(syscall(156, 0, SCHED_RR, &fifo)), show("sched_rr_get_interval", syscall(RR_INTERVAL, 0, got)), say("%d %d", got[0], got[1] > 1000000);
    show("a bad place", syscall(RR_INTERVAL, 0, bad)), show("nobody's", syscall(RR_INTERVAL, -1, got)), _exit(0);
  }
  reap(pid);
}

static void timers(void) {
  struct { int value, signo, notify, tid, pad[12]; } event = { 77, SIGUSR1, 0, 0, { 0 } };
  int id = -1, set[4] = { 0, 0, 0, 1000000 }, old[4] = { 9, 9, 9, 9 };
  on_siginfo(SIGUSR1, tell, 0);
  show("timer_create", syscall(TIMER_CREATE, CLOCK_MONOTONIC, &event, &id)), show("timer_gettime", syscall(TIMER_GETTIME, id, old)), say("%d %d %d %d", old[0], old[1], old[2], old[3]);
  show("timer_settime", syscall(TIMER_SETTIME, id, 0, set, old));
  while (!told) sleep_ms(1);
  say("told %d code %d value %d", told, code, value), told = 0;
  set[2] = 1000, show("timer_settime", syscall(TIMER_SETTIME, id, 0, set, NULL)), show("timer_gettime", syscall(TIMER_GETTIME, id, old)), say("%d %d", old[0], old[2] > 990);
  show("timer_settime, no setting", syscall(TIMER_SETTIME, id, 0, NULL, old)), show("timer_settime, a bad place", syscall(TIMER_SETTIME, id, 0, bad, old)), show("timer_settime, the old one to a bad place", syscall(TIMER_SETTIME, id, 0, set, bad)), show("timer_gettime, a bad place", syscall(TIMER_GETTIME, id, bad)), show("timer_gettime, no timer", syscall(TIMER_GETTIME, 77, old));
  show("timer_delete", syscall(TIMER_DELETE, id)), show("timer_create, a bad place", syscall(TIMER_CREATE, CLOCK_MONOTONIC, bad, &id)), show("timer_create, its number to a bad place", syscall(TIMER_CREATE, CLOCK_MONOTONIC, &event, bad)), event.notify = 77, show("timer_create, an unknown notification", syscall(TIMER_CREATE, CLOCK_MONOTONIC, &event, &id));
  show("timer_create without an event", syscall(TIMER_CREATE, CLOCK_MONOTONIC, NULL, &id)), on_siginfo(SIGALRM, tell, 0), set[2] = 0, show("timer_settime", syscall(TIMER_SETTIME, id, 0, set, NULL));
  while (!told) sleep_ms(1);
  say("told %d code %d, its number %d", told, code, value == id), told = 0, syscall(TIMER_DELETE, id);
}

static void masks(void) {
  unsigned mask[2] = { 1, 0 }, got[40];
  show("sched_setaffinity", syscall(SETAFFINITY, 0, 4, mask)), memset(got, 0x11, sizeof got), show("sched_getaffinity", syscall(GETAFFINITY, 0, 4, got)), say("%x %x", got[0], got[1]);
  show("sched_getaffinity, not of words", syscall(GETAFFINITY, 0, 6, got)), show("sched_getaffinity, nothing", syscall(GETAFFINITY, 0, 0, got)), show("sched_getaffinity, a bad place", syscall(GETAFFINITY, 0, 4, bad)), show("sched_setaffinity, a bad place", syscall(SETAFFINITY, 0, 4, bad)), mask[0] = 0, show("sched_setaffinity to none", syscall(SETAFFINITY, 0, 4, mask));
}

static void signals(void) {
  unsigned set[2] = { 1U << (SIGUSR2 - 1), 0 }, old[4];
  struct { void *handler; unsigned mask, flags; void *restorer; } action = { (void *)plain, 1U << (SIGTERM - 1), 0, NULL };
  siginfo_t info;
  pid_t pid;
  block(SIGUSR2), kill(getpid(), SIGUSR2);
  memset(old, 0, sizeof old), show("rt_sigpending", syscall(RT_SIGPENDING, old, 8)), say("%x %x", old[0], old[1]), show("rt_sigpending, too long", syscall(RT_SIGPENDING, old, 16)), show("rt_sigpending, a bad place", syscall(RT_SIGPENDING, bad, 8));
  show("rt_sigtimedwait", syscall(RT_SIGTIMEDWAIT, set, NULL, NULL, 8)), show("rt_sigtimedwait, a short mask", syscall(RT_SIGTIMEDWAIT, set, NULL, NULL, 4)), memset(&info, 0, sizeof info);
  info.si_signo = SIGUSR2, info.si_code = -1, info.si_pid = 5, info.si_uid = 6, info.si_value.sival_int = 7;
  show("rt_tgsigqueueinfo", syscall(RT_TGSIGQUEUEINFO, getpid(), getpid(), SIGUSR2, &info)), memset(&info, 0, sizeof info), show("rt_sigtimedwait", syscall(RT_SIGTIMEDWAIT, set, &info, NULL, 8)), say("%d %d from %d %u: %d", info.si_signo, info.si_code, info.si_pid, info.si_uid, info.si_value.sival_int);
  show("rt_tgsigqueueinfo, a bad place", syscall(RT_TGSIGQUEUEINFO, getpid(), getpid(), SIGUSR2, bad)), show("rt_tgsigqueueinfo to nobody", syscall(RT_TGSIGQUEUEINFO, -1, getpid(), SIGUSR2, &info));
  told = 0, show("sigaction", syscall(SIGACTION, SIGUSR2, &action, NULL)), memset(&action, 0, sizeof action), show("sigaction", syscall(SIGACTION, SIGUSR2, NULL, &action)), say("the handler %d mask %x flags %x", action.handler == (void *)plain, action.mask, action.flags), show("sigaction, a bad place", syscall(SIGACTION, SIGUSR2, bad, NULL)), show("sigaction, of SIGKILL", syscall(SIGACTION, SIGKILL, &action, NULL));
  CHILD(pid) sleep_ms(20), kill(getppid(), SIGUSR2), _exit(0);
  show("sigsuspend", syscall(SIGSUSPEND, 0, 0, 1U << (SIGCHLD - 1))), say("told %d", told), memset(old, 0, sizeof old), must(syscall(175, 0, NULL, old, 8)), say("the mask is back %d", old[0] == 1U << (SIGUSR2 - 1));
  memset(&info, 0x11, sizeof info), show("waitid", syscall(WAITID, P_PID, pid, &info, WEXITED, NULL)), say("%d %d", info.si_code, info.si_status);
  CHILD(pid) sleep_ms(200), _exit(0);
  show("waitid, nothing yet", syscall(WAITID, P_PID, pid, &info, WEXITED | WNOHANG, NULL)), say("%d", info.si_signo), show("waitid, no place", syscall(WAITID, P_PID, pid, NULL, WEXITED, NULL)), unblock(SIGUSR2);
}

static void memory(void) {
  char here[8] = "", there[8] = "abcdefg";
  struct { void *base; unsigned length; } local = { here, 5 }, remote = { there + 1, 5 };
  show("process_vm_readv", syscall(PROCESS_READV, getpid(), &local, 1, &remote, 1, 0)), say("%s", here);
  memcpy(here, "12345", 5), show("process_vm_writev", syscall(PROCESS_WRITEV, getpid(), &local, 1, &remote, 1, 0)), say("%s", there);
  show("a bad vector", syscall(PROCESS_READV, getpid(), bad, 1, &remote, 1, 0)), show("a bad vector there", syscall(PROCESS_READV, getpid(), &local, 1, bad, 1, 0)), show("a flag", syscall(PROCESS_WRITEV, getpid(), &local, 1, &remote, 1, 1)), remote.base = (void *)bad, show("a bad place there", syscall(PROCESS_WRITEV, getpid(), &local, 1, &remote, 1, 0)), local.length = 0x80000000, show("a negative length", syscall(PROCESS_READV, getpid(), &local, 1, &remote, 1, 0));
}

int main(void) {
  clocks(), timers(), masks(), signals(), memory();
  return 0;
}
