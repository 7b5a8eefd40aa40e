/* SIGCHLD and waitid() for each way to end: code, status, who; CPU time in the signal; one that is not waited for. */
#include "check.h"

static int how_many;
static void one(const char *name, void (*end)(void)) {
  sigset_t set = set_of(SIGCHLD, 0);
  pid_t child;
  siginfo_t s, w;
  struct timespec soon = { 20, 0 };
  CHILD(child) {
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    end();
    _exit(100);
  }
  memset(&s, 0, sizeof s);
  must(sigtimedwait_(&set, &s, &soon));
  must(waitid(P_PID, (id_t)child, &w, WEXITED));
  say("%s: signal: code %d status %d errno %d child %d uid %d; wait: code %d status %d signo %d", name, s.si_code == CLD_DUMPED ? CLD_KILLED : s.si_code, s.si_status,
      s.si_errno, s.si_pid == child, s.si_uid == getuid(), w.si_code == CLD_DUMPED ? CLD_KILLED : w.si_code, w.si_status, w.si_signo);
  how_many++;
}
static void exit_0(void) { _exit(0); }
static void exit_257(void) { _exit(257); }
static void exit_m1(void) { _exit(-1); }
static void term(void) { kill(getpid(), SIGTERM); }
static void kill_(void) { kill(getpid(), SIGKILL); }
static void quit(void) { raise(SIGQUIT); }
static void abort_(void) { abort(); }
static void segv(void) { *(volatile int *)8 = 1; }
static void rt(void) { kill(getpid(), RT(20)); }
static void pipe_(void) {
  int p[2];
  must(pipe(p));
  close(p[0]);
  must(write(p[1], "x", 1));
}
static void alarm_(void) {
  struct itimerval t = { { 0, 0 }, { 0, 100 } };
  setitimer(ITIMER_REAL, &t, NULL);
  pause();
}
static void thread_exit(void) { syscall(SYS_exit, 300); }
static void exec_(void) { execl("/bin/sh", "sh", "-c", "exit 12", NULL); }
static void fpe(void) {
  volatile int zero = 0;
  zero = 1 / zero;
}

int main(void) {
  block(SIGCHLD);
  one("exit 0", exit_0);
  one("exit 257", exit_257);
  one("exit -1", exit_m1);
  one("exit(2) 300", thread_exit);
  one("exec", exec_);
  one("SIGTERM", term);
  one("SIGKILL", kill_);
  one("SIGQUIT", quit);
  one("abort", abort_);
  one("fault", segv);
  one("division", fpe);
  one("real-time", rt);
  one("pipe", pipe_);
  one("alarm", alarm_);
  say("%d", how_many);
  return 0;
}
