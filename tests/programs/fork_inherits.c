/* What a child has from its parent, and what it does not. */
#include "check.h"
#include <sys/times.h>

static void handler(int sig) { (void)sig; }

int main(void) {
  on_signal(SIGUSR1, handler);
  on_signal(SIGUSR2, SIG_IGN);
  block(SIGTERM);
  raise(SIGTERM);
  umask(027);
  must(chdir("/usr"));
  must(setpriority(PRIO_PROCESS, 0, 5));
  must(prctl(PR_SET_NAME, "inheritor"));
  struct rlimit r = { 100, 200 };
  must(setrlimit(RLIMIT_NOFILE, &r));
  struct itimerval timer = { { 0, 0 }, { 1000, 0 } };
  must(setitimer(ITIMER_REAL, &timer, NULL));
  must(prctl(PR_SET_PDEATHSIG, SIGHUP));

  pid_t child;
  CHILD(child) {
    struct sigaction sa;
    sigset_t mask;
    char name[17] = "", cwd[100];
    int death = -1;
    must(sigaction(SIGUSR1, NULL, &sa));
    say("handler kept: %d", sa.sa_handler == handler);
    must(sigaction(SIGUSR2, NULL, &sa));
    say("SIG_IGN kept: %d", sa.sa_handler == SIG_IGN);
    must(sigprocmask(SIG_BLOCK, NULL, &mask));
    say("mask kept: %d", sigismember(&mask, SIGTERM));
    say("pending signal inherited: %d", is_pending(SIGTERM));
    mode_t old = umask(0);
    say("umask %03o", old);
    say("cwd %s", getcwd(cwd, sizeof cwd));
    say("nice %d", getpriority(PRIO_PROCESS, 0));
    must(prctl(PR_GET_NAME, name));
    say("comm %s", name);
    must(getrlimit(RLIMIT_NOFILE, &r));
    say("RLIMIT_NOFILE %d %d", (int)r.rlim_cur, (int)r.rlim_max);
    must(getitimer(ITIMER_REAL, &timer));
    say("timer inherited: %d", timer.it_value.tv_sec != 0);
    must(prctl(PR_GET_PDEATHSIG, &death));
    say("pdeath signal %d", death);
    struct tms t;
    times(&t);
    say("children's times are zero: %d", t.tms_cutime == 0 && t.tms_cstime == 0);
    say("same pgrp: %d, same session: %d", getpgrp() == getpgid(getppid()), getsid(0) == getsid(getppid()));
    _exit(0);
  }
  say("%s", reap(child));
  say("parent still has the timer: %d, the pending signal: %d", getitimer(ITIMER_REAL, &timer) == 0 && timer.it_value.tv_sec != 0,
      is_pending(SIGTERM));
  return 0;
}
